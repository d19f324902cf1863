"""Killed again and again while it appends, seals, compacts and deletes: what was acknowledged is there, and only that.

A few kills here; ``make stress`` sets ``NARTHEX_KILLS`` to sixty.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.plugins.tsdb.conftest import Factory
from tests.plugins.tsdb.processes import heard, killed, started
from tests.plugins.tsdb.stressed import CONFIG, STEP, T0, WIDTH, value

from narthex.model.labels import Labels
from narthex.testing.storage_contract import bits, samples

KILLS = int(os.environ.get("NARTHEX_KILLS", "4"))


@dataclass
class Told:
    """What the processes have said so far."""

    row: int = 0
    gone: set[int] = field(default_factory=set)
    """Rows of which the first series' sample is deleted."""
    maybe: set[int] = field(default_factory=set)
    """Rows where that was under way."""

    def hear(self, line: str) -> None:
        word, *numbers = line.split()
        if word == "row":
            self.row = int(numbers[0])
        elif word == "deleting":
            self.maybe |= set(range(*map(int, numbers)))
        elif word == "deleted":
            self.gone |= set(range(*map(int, numbers)))
            self.maybe -= set(range(*map(int, numbers)))


def run_and_kill(data: Path, told: Told, seed: int, *more: str) -> None:
    process = started(Path(__file__).with_name("stressed.py"), data, told.row, seed, *more)
    lines = random.Random(seed).randrange(1, 40)
    try:
        for _ in range(lines):  # the kill comes after some number of lines, wherever the threads are then
            told.hear(heard(process))
    finally:
        rest = killed(process)
    for line in rest:
        told.hear(line)


async def check(data: Path, told: Told) -> None:
    """Open what is left. Rows that were written but not acknowledged may be there or not, but not in part."""
    factory = Factory(data)
    storage = factory(CONFIG)
    await storage.start()
    found = samples(storage)
    await storage.stop()
    assert not [name for _, _, names in os.walk(data) for name in names if name.endswith(".bad")]
    rows = {i: dict(found.get(Labels({"__name__": "m", "i": str(i)}), [])) for i in range(WIDTH)}
    end = max((len(one) for one in rows.values()), default=0)
    assert end >= told.row, f"{told.row} rows were acknowledged, {end} are there"
    for i, one in rows.items():
        expected = {T0 + row * STEP: bits(value(row, i))[0] for row in range(end)}
        if i:
            assert one == expected
            continue
        assert one.items() <= expected.items()
        lost = {(time - T0) // STEP for time in expected.keys() - one.keys()}
        assert told.gone & set(range(told.row)) <= lost <= told.gone | told.maybe
        told.gone |= lost
        told.maybe -= {(time - T0) // STEP for time in one}
    points = dict(found.get(Labels({"__name__": "p"}), []))
    assert {T0 + row * STEP + 7: bits(float(row))[0] for row in range(told.row)}.items() <= points.items()
    told.row = end


@pytest.mark.parametrize("more", [(), ("always",)], ids=["interval", "always"])
@pytest.mark.timeout(300 + 30 * KILLS)
async def test_what_was_acknowledged_survives_kill_after_kill(tmp_path: Path, more: tuple[str, ...]) -> None:
    told = Told()
    for seed in range(KILLS):
        await asyncio.to_thread(run_and_kill, tmp_path / "data", told, seed, *more)
        await check(tmp_path / "data", told)
    assert told.row > 100 * KILLS
