"""Killed again and again while it appends, seals, compacts and deletes: what was acknowledged is there, and only that.

A few kills here; ``make stress`` sets ``NARTHEX_KILLS`` to sixty.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.plugins.tsdb.conftest import Factory
from tests.plugins.tsdb.processes import heard, killed, started
from tests.plugins.tsdb.stressed import CONFIG, STEP, T0, WIDTH, histogram, value

from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.testing.storage_contract import bits, histograms, samples, starts

KILLS = int(os.environ.get("NARTHEX_KILLS", "4"))


@dataclass
class Told:
    """What the processes have said so far."""

    row: int = 0
    gone: dict[str, set[int]] = field(default_factory=lambda: {"0": set(), "h": set()})
    """Rows of which the samples of two series are deleted: of the first of the lane, and of the histograms."""
    maybe: dict[str, set[int]] = field(default_factory=lambda: {"0": set(), "h": set()})
    """Rows where that was under way."""
    unsure: set[int] = field(default_factory=set)
    """Rows that were found and had not been acknowledged: of those points and histograms, in other logs, may lack."""

    def hear(self, line: str) -> None:
        word, *numbers = line.split()
        if word == "row":
            self.row = int(numbers[0])
        elif word == "deleting":
            for series in self.maybe.values():
                series |= set(range(*map(int, numbers)))
        elif word == "deleted":
            for name, series in self.gone.items():
                series |= set(range(*map(int, numbers)))
                self.maybe[name] -= set(range(*map(int, numbers)))

    def compare(self, name: str, one: Mapping[int, object], expected: Mapping[int, object]) -> None:
        """What is left of a series of which spans were deleted; ``expected`` is all of it."""
        assert one.items() <= expected.items()
        lost = {(time - T0) // STEP for time in expected.keys() - one.keys()}
        assert self.gone[name] & set(range(self.row)) <= lost
        assert lost & set(range(self.row)) <= self.gone[name] | self.maybe[name] | (
            self.unsure if name == "h" else set()
        )
        self.gone[name] |= lost - (self.unsure if name == "h" else set())
        self.maybe[name] -= {(time - T0) // STEP for time in one}


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
    found, natives = samples(storage), histograms(storage).get(Labels({"__name__": "h"}), [])
    begun = dict(starts(storage).get(Labels({"__name__": "h"}), []))
    await storage.stop()
    assert not [name for _, _, names in os.walk(data) for name in names if name.endswith(".bad")]
    rows = {i: dict(found.get(Labels({"__name__": "m", "i": str(i)}), [])) for i in range(WIDTH)}
    end = max((len(one) for one in rows.values()), default=0)
    assert end >= told.row, f"{told.row} rows were acknowledged, {end} are there"
    for i, one in rows.items():
        expected = {T0 + row * STEP: bits(value(row, i))[0] for row in range(end)}
        if i:
            assert one == expected
        else:
            told.compare("0", one, expected)
    points = dict(found.get(Labels({"__name__": "p"}), []))
    sure = [row for row in range(told.row) if row not in told.unsure]
    assert {T0 + row * STEP + 7: bits(float(row))[0] for row in sure}.items() <= points.items()
    assert begun == {time: time - 5 for time, _ in natives}
    last = max([end, *((time - T0) // STEP + 1 for time, _ in natives)])
    told.compare("h", {time: written(one) for time, one in natives}, counted(last))
    told.unsure |= set(range(told.row, last))
    told.row = end


def counted(rows: int) -> Mapping[int, object]:
    return {T0 + row * STEP: written(histogram(row)) for row in range(rows)}


def written(one: Histogram) -> object:
    """Everything of a histogram that a storage must not change; the hint is its own."""
    return one.schema, one.count, one.sum, tuple(one.positive.pairs())


@pytest.mark.parametrize("more", [(), ("always",)], ids=["interval", "always"])
@pytest.mark.timeout(300 + 30 * KILLS)
async def test_what_was_acknowledged_survives_kill_after_kill(tmp_path: Path, more: tuple[str, ...]) -> None:
    told = Told()
    for seed in range(KILLS):
        await asyncio.to_thread(run_and_kill, tmp_path / "data", told, seed, *more)
        await check(tmp_path / "data", told)
    assert told.row > 100 * KILLS
