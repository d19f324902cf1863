"""Files cut and changed at every kind of place: the start goes on, nothing false comes back, nothing before is lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.tsdb.conftest import Factory, copied

from narthex.model.histogram import Buckets, Histogram, histogram_text
from narthex.model.labels import Labels
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch, Storage
from narthex.testing.storage_contract import T0, Found, equal, family, histograms, points_of, samples, starts
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.records import Damage, records

ROWS = 12


def held(row: int, ref: int, when: int) -> HistogramPoints:
    """A histogram that grows, with the start of its counter."""
    value = Histogram(schema=1, count=3.0 * row, sum=row * 0.5, positive=Buckets.run(-1, [1.0 * row, 2.0 * row]))
    return HistogramPoints.of([ref], [when], [value], [T0 - 5])


def everything(storage: Storage) -> Found:
    """Floats by bits; histograms, whose hints are the storage's own, as text and with their starts."""
    found = samples(storage)
    begun = {(labels, when): start for labels, some in starts(storage).items() for when, start in some}
    for labels, some in histograms(storage).items():
        text = [(when, f"{histogram_text(one)} since {begun.get((labels, when))}") for when, one in some]
        found[labels] = sorted([*found.get(labels, []), *text])
    return found


async def crashed(make: Factory, target: Path, *, sealed: bool) -> Found:
    """Leave in ``target`` what a killed process would; returns what it had stored."""
    storage = make()
    await storage.start()
    lane = storage.open_lane(15_000, 0)
    refs = storage.register(family(3))
    lane.extend(refs)
    own = int(storage.register(family(1, own="yes"))[0])
    native = int(storage.register(family(1, native="yes"))[0])
    for row in range(ROWS):
        values = np.array([row, 7.0, row * 0.5])
        when = T0 + row * 15_000
        points = replace(points_of((own, T0 + row, row)), starts=np.array([T0 - 7]))
        storage.append(Batch(lane, when, values, points, held(row, native, when)))
    found = everything(storage)
    await copied(storage, make.data, target, sealed=sealed)
    return found


async def reopened(data: Path) -> tuple[Found, float]:
    factory = Factory(data)
    storage = factory()
    await storage.start()
    found = everything(storage)
    await storage.stop()
    return found, factory.metric("wal_corruptions_total")


def assert_true_part(found: Found, original: Found) -> None:
    for labels, one in found.items():
        assert set(one) <= set(original[labels])


def places(size: int) -> list[int]:
    """Every byte of the beginning, where headers and framing lie, then a sample of the rest, and the end."""
    return [*range(min(size, 40)), *range(40, size - 8, 23), *range(max(size - 8, 40), size)]


def kind(labels: Labels) -> str:
    """The log and the file that hold a series."""
    return "points" if "own" in labels else "histograms" if "native" in labels else "slab"


@pytest.mark.parametrize("name", ["series.log", "slab", "points", "histograms"])
@pytest.mark.parametrize("how", ["cut", "changed"])
async def test_a_damaged_log_is_good_up_to_the_damage(make: Factory, tmp_path: Path, name: str, how: str) -> None:
    original = await crashed(make, tmp_path / "crashed", sealed=False)
    (log,) = [path for path in (tmp_path / "crashed" / "wal").iterdir() if path.name.startswith(name)]
    size = log.stat().st_size
    ends = list(accumulate(8 + len(one) for one in records(log) if not isinstance(one, Damage)))
    for at in places(size):
        data = tmp_path / f"{at}"
        shutil.copytree(tmp_path / "crashed", data)
        content = bytearray(log.read_bytes())
        if how == "cut":
            del content[at:]
        else:
            content[at] ^= 0x40
        (data / "wal" / log.name).write_bytes(content)
        found, corruptions = await reopened(data)
        assert_true_part(found, original)
        if name == "series.log":
            continue  # samples of series that are lost cannot be named, and must not turn up under another name
        lost = sum(map(len, original.values())) - sum(map(len, found.values()))
        assert corruptions >= 1 or (how == "cut" and lost > 0) or at == 0
        others = {k: v for k, v in original.items() if kind(k) != name}
        assert {k: found.get(k) for k in others} == others, "the other log is whole"
        # whatever ended before the damage is there
        damaged = [v for k, v in original.items() if kind(k) == name]
        left = [found.get(k, []) for k in original if kind(k) == name]
        whole = ROWS - sum(end > at for end in ends[-ROWS:])
        assert all(len(one) >= min(whole, len(full)) for one, full in zip(left, damaged, strict=True))
        shutil.rmtree(data)


@pytest.mark.parametrize("name", ["slab", "points", "histograms"])
@pytest.mark.parametrize("how", ["cut", "changed"])
async def test_a_damaged_file_is_set_aside(make: Factory, tmp_path: Path, name: str, how: str) -> None:
    original = await crashed(make, tmp_path / "stopped", sealed=True)
    (path,) = (tmp_path / "stopped" / "sealed").glob(f"{name}-*.nrx")
    size = path.stat().st_size
    for at in [*range(20), *range(20, size, size // 60), size - 1]:
        data = tmp_path / f"{at}"
        shutil.copytree(tmp_path / "stopped", data)
        content = bytearray(path.read_bytes())
        if how == "cut":
            del content[at:]
        else:
            content[at] ^= 0x01
        (data / "sealed" / path.name).write_bytes(content)
        found, corruptions = await reopened(data)
        assert_true_part(found, original)
        aside = (data / "sealed" / f"{path.name}.bad").exists()
        assert aside == (corruptions == 1)
        assert aside or (how == "changed" and found == original), "only padding may change unnoticed"
        shutil.rmtree(data)


async def test_a_lost_series_does_not_give_its_samples_to_the_next(make: Factory, tmp_path: Path) -> None:
    await crashed(make, tmp_path / "stopped", sealed=True)
    factory = Factory(tmp_path / "stopped")
    (factory.data / "wal" / "series.log").unlink()
    storage = factory()
    await storage.start()
    lane = storage.open_lane(15_000, 0)
    lane.extend(storage.register(family(9, new="yes")))
    storage.append(Batch(lane, T0 + 10_000_000, np.ones(9)))
    found = samples(storage)
    assert {len(one) for one in found.values()} == {1}
    await storage.stop()


async def test_half_written_files_are_removed(make: Factory) -> None:
    storage = make()
    await storage.start()
    await storage.stop()
    left = [make.data / "sealed" / "slab-00000001.nrx.tmp", make.data / "wal" / "series.log.tmp"]
    for path in left:
        path.write_bytes(b"half")
    await storage.stop()
    storage = make()
    await storage.start()
    assert not any(path.exists() for path in left)
    await storage.stop()


async def compact(make: Factory, target: Path) -> Found:
    """Leave a directory with two blocks and something deleted; returns what it holds."""
    storage = make()
    await storage.start()
    lane = storage.open_lane(60_000, 0)
    lane.extend(storage.register(family(5)))
    native = int(storage.register(family(1, native="yes"))[0])
    start = T0 // 7_200_000 * 7_200_000
    for row in range(420):
        values = np.array([row, 7.0, row * 0.5, row * 1e-9, np.sin(row)])
        when = start + row * 60_000
        storage.append(Batch(lane, when, values, histograms=held(row, native, when)))
    for _ in range(3):
        storage._disk._sealer.retry().result()
        storage._disk.tidy(storage._newest, storage._newest).result()
    await storage.delete_series([[equal("i", "1")]], start, start + 100 * 60_000)
    found = everything(storage)
    await storage.stop()
    shutil.copytree(make.data, target)
    return found


@pytest.mark.parametrize("how", ["cut", "changed"])
async def test_a_damaged_block_is_set_aside(make: Factory, tmp_path: Path, how: str) -> None:
    original = await compact(make, tmp_path / "stopped")
    path = min((tmp_path / "stopped" / "blocks").iterdir())
    size = path.stat().st_size
    shown = 0
    pages = ArrayFile(path).facts["arrays"]["histogram.pages"]
    inside = range(pages["offset"], pages["offset"] + pages["size"], max(1, pages["size"] // 10))
    for at in [*range(0, 64, 9), *range(64, size, size // 60), *inside, size - 1]:
        data = tmp_path / f"{at}"
        shutil.copytree(tmp_path / "stopped", data)
        content = bytearray(path.read_bytes())
        if how == "cut":
            del content[at:]
        else:
            content[at] ^= 0x20
        (data / "blocks" / path.name).write_bytes(content)
        factory = Factory(data)
        storage = factory()
        await storage.start()
        found = everything(storage)
        storage._disk.tidy(storage._newest, storage._newest).result()
        left = everything(storage)
        await storage.stop()
        assert_true_part(found, original)
        assert_true_part(left, original)
        aside = (data / "blocks" / f"{path.name}.bad").exists()
        assert aside == (factory.metric("wal_corruptions_total") == 1)
        assert aside or (how == "changed" and found == left == original), "only padding may change unnoticed"
        shown += aside
        shutil.rmtree(data)
    assert shown > 30


async def test_damaged_deletions_are_set_aside(make: Factory, tmp_path: Path) -> None:
    original = await compact(make, tmp_path / "stopped")
    path = tmp_path / "stopped" / "tombstones.nrx"
    path.write_bytes(path.read_bytes()[:-3])
    found, corruptions = await reopened(tmp_path / "stopped")
    assert corruptions == 1
    assert path.with_name("tombstones.nrx.bad").exists()
    assert_true_part(original, found)  # what was deleted is back, which the log says
