from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.plugins.tsdb.processes import heard, killed, started

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.testing.storage_contract import bits, samples

T0 = 1_700_000_000_000
WRITER = Path(__file__).with_name("writer.py")


@pytest.mark.parametrize("seed", range(4))
async def test_what_was_written_survives_sigkill(make, seed: int) -> None:
    process = started(WRITER, make.data)
    for _ in range(2 + seed * 2):
        acknowledged = int(heard(process))
    await asyncio.sleep(0.031 * seed)  # the kill meets another moment of the cycle each time; nothing depends on it
    acknowledged = max([acknowledged, *map(int, killed(process))])

    storage = make()
    await storage.start()
    found = samples(storage)
    await storage.stop()
    assert make.metric("clean_start") == 0
    for row in range(acknowledged):
        time_and_value = (T0 + row * 1000, bits(float(row))[0])
        assert time_and_value in found[Labels({"__name__": "p"})]
        assert time_and_value in found[Labels({"__name__": "m", "i": "0"})]
    for i in range(0, acknowledged, 10):
        one = found[Labels({"__name__": "m", "i": str(i)})]
        assert one[0] == (T0 + i * 1000, bits(float(i))[0])
        assert [t for t, _ in one] == list(range(T0 + i * 1000, one[-1][0] + 1, 1000))


async def test_a_second_process_is_refused(make) -> None:
    process = started(WRITER, make.data)
    try:
        heard(process)
        with pytest.raises(StorageError, match=f"in use by another server \\(process {process.pid}\\)"):
            await make().start()
    finally:
        killed(process)


async def test_two_storages_in_one_process_are_refused_too(make) -> None:
    first, second = make(), make()
    await first.start()
    with pytest.raises(StorageError, match="in use"):
        await second.start()
    await first.stop()
    await second.start()
    await second.stop()


async def test_a_clean_stop_shows_at_the_next_start(make) -> None:
    for _ in range(2):
        storage = make()
        await storage.start()
        assert make.metric("clean_start") == 1
        await storage.stop()
