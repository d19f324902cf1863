from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.testing.storage_contract import bits, samples

T0 = 1_700_000_000_000
ROOT = Path(__file__).parents[3]


def writer(path: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT / "plugins")])}
    command = [sys.executable, str(Path(__file__).with_name("writer.py")), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("seed", range(4))
async def test_what_was_written_survives_sigkill(make, seed: int) -> None:
    process = writer(make.data)
    acknowledged = 0
    for _ in range(2 + seed * 2):
        acknowledged = int(process.stdout.readline())
    await asyncio.sleep(0.031 * seed)  # the kill meets another moment of the cycle each time; nothing depends on it
    process.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in process.stdout.read().split())])
    process.wait()
    process.stdout.close()

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
    process = writer(make.data)
    try:
        process.stdout.readline()
        with pytest.raises(StorageError, match=f"in use by another server \\(process {process.pid}\\)"):
            await make().start()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


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
