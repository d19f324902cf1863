"""An adversary at the files: whatever is cut, changed, zeroed or removed, the rest is there and nothing false is.

The oracle: a damaged file is never worse than a missing one. So of the same directory without the damaged files
everything is found, and nothing is found that was never stored. A storage that was opened on damage can be used, and
keeps what is written from then on.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.tsdb.conftest import Factory

from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.model.sample import MISSING
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch
from narthex.testing.storage_contract import equal, family, histograms, points_of, samples
from narthex_plugins.tsdb.inspect.verify import verify
from narthex_plugins.tsdb.reading import read_directory
from narthex_plugins.tsdb.storage import Tsdb

SEEDS = int(os.environ.get("NARTHEX_SEEDS", "8"))
"""Few here; ``make stress`` sets many."""
T0 = 1_700_006_400_000
STEP = 60_000

Sample = tuple[Labels, int, object]


def all_of(storage: Tsdb) -> set[Sample]:
    """Every sample, floats by their bits, histograms by their counts."""
    found: set[Sample] = {(labels, *one) for labels, several in samples(storage).items() for one in several}
    for labels, several in histograms(storage).items():
        found |= {(labels, when, (one.count, one.sum, tuple(one.positive.pairs()))) for when, one in several}
    return found


class Writer:
    """Appends rows of three lanes' worth of series, points and histograms; ``at`` is the next row."""

    def __init__(self, storage: Tsdb, dice: random.Random, at: int = 0) -> None:
        self.storage = storage
        self.dice = dice
        self.at = at
        self.lane = storage.open_lane(STEP, 0)
        self.lane.extend(storage.register(family(6)))
        self.own = storage.register([Labels({"__name__": name}) for name in ("p", "h")]).tolist()

    def play(self, rows: int) -> None:
        for _ in range(rows):
            at, when = self.at, T0 + self.at * STEP
            values = np.array([at, 3.5, at * 0.25, at * 1e-7, np.sin(at), at % 7 if at % 3 else MISSING])
            points = points_of((self.own[0], when + 7, float(at))) if at % 2 else None
            held = None
            if at % 5 == 0:
                histogram = Histogram(1, count=at + 1.0, sum=float(at), positive=Buckets.run(0, [1.0, float(at)]))
                held = HistogramPoints.of([self.own[1]], [when], [histogram])
            self.storage.append(Batch(self.lane, when, values, points, held))
            self.at += 1


def tidied(storage: Tsdb) -> None:
    storage._disk._sealer.retry().result()
    storage._disk.tidy(storage._newest, storage._newest).result()


async def left_behind(make: Factory, target: Path, dice: random.Random) -> tuple[set[Sample], set[Sample]]:
    """A directory as a killed server leaves it; what it held, and what it ever held."""
    storage = make()
    await storage.start()
    await make.clock.advance(0)  # the storage's own round is over: from here on nothing happens but what is asked for
    writer = Writer(storage, dice)
    ever: set[Sample] = set()
    for _ in range(dice.randrange(1, 6)):
        writer.play(dice.randrange(1, 150))
        storage.note_metadata(Labels({"job": "j"}), {"m": FamilyMetadata("gauge", f"As of {writer.at}.")})
        ever |= all_of(storage)
        for _ in range(dice.randrange(4)):
            tidied(storage)
        if dice.random() < 0.4:
            start = dice.randrange(writer.at)
            end = T0 + (start + dice.randrange(1, 100)) * STEP
            await storage.delete_series([[equal("i", "1")], [equal("__name__", "p")]], T0 + start * STEP, end)
        if dice.random() < 0.3:
            storage._disk.seal_points(force=True)
    held = all_of(storage)
    storage._disk._sealer.retry().result()  # nothing changes its place while it is copied
    await storage._disk.between_rounds(lambda _: storage._disk.flush() and shutil.copytree(make.data, target))
    await storage.stop()
    return held, ever | held


def _cut(dice: random.Random, content: bytearray) -> None:
    del content[dice.randrange(len(content)) :]


def _changed(dice: random.Random, content: bytearray) -> None:
    for _ in range(dice.choice([1, 1, 1, 20])):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)


def _zeroed(dice: random.Random, content: bytearray) -> None:
    start = dice.randrange(len(content)) // 4096 * 4096
    end = min(len(content), start + 4096)
    content[start:end] = bytes(end - start)


def _tail_zeroed(dice: random.Random, content: bytearray) -> None:
    start = dice.randrange(len(content))
    content[start:] = bytes(len(content) - start)


def _grown(dice: random.Random, content: bytearray) -> None:
    content += dice.choice([bytes(5000), dice.randbytes(300), content[: len(content) // 2]])


def _emptied(_: random.Random, content: bytearray) -> None:
    content.clear()


HARM: list[Callable[[random.Random, bytearray], None]] = [
    _cut, _cut, _changed, _changed, _zeroed, _tail_zeroed, _grown, _emptied,
]  # fmt: skip


def files_of(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file() and one.name != "lock" and one.stat().st_size)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_damaged_file_is_never_worse_than_a_missing_one(make: Factory, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    held, ever = await left_behind(make, tmp_path / "whole", dice)
    for number in range(4):
        without, harmed = tmp_path / f"without-{number}", tmp_path / f"harmed-{number}"
        shutil.copytree(tmp_path / "whole", without)
        shutil.copytree(tmp_path / "whole", harmed)
        chosen = dice.sample(files_of(harmed), dice.choice([1, 1, 2, 3]))
        for path in chosen:
            (without / path.relative_to(harmed)).unlink()
            content = bytearray(path.read_bytes())
            dice.choice(HARM)(dice, content)
            path.write_bytes(content)
        names = [str(path.relative_to(harmed)) for path in chosen]
        reader = read_directory(harmed)  # says what it can, whatever it meets
        assert all_of(reader) <= ever, names
        list(verify(harmed, lambda *_: None))
        least = await _opened(without)
        found = await _opened(harmed, dice)
        again = await _opened(harmed)
        assert least - ever == set(), names
        assert found - ever == set(), names
        assert (least & held) - found == set(), names  # what was deleted may be back where that was forgotten
        assert found - again == set(), f"{names}: what was there after the damage is there after the next start"
        for path in (without, harmed):
            shutil.rmtree(path)
    assert held <= ever


async def _opened(path: Path, dice: random.Random | None = None) -> set[Sample]:
    """What a start finds. With dice, more is appended behind it, compacted, and found as well."""
    storage = Factory(path)()
    await storage.start()
    tidied(storage)  # what turns out to be damaged only now is set aside
    tidied(storage)
    found = all_of(storage)
    if dice is not None:
        writer = Writer(storage, dice, 2000)
        writer.play(dice.randrange(1, 200))
        tidied(storage)
        new = {one for one in all_of(storage) if one[1] >= T0 + 2000 * STEP}
        assert len({one[1] for one in new if one[0].get_or_empty("i") == "0"}) == writer.at - 2000
        await storage.stop()
        storage = Factory(path)()
        await storage.start()
        assert new <= all_of(storage)
    await storage.stop()
    return found
