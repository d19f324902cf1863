"""The head turns into blocks, blocks into larger ones, and every sample stays what it was."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.plugins.tsdb.conftest import Factory

from narthex.config.types import Duration, Size
from narthex.model.labels import Labels
from narthex.model.sample import MISSING
from narthex.storage.frames import Points
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex.testing.storage_contract import equal, family, samples
from narthex_plugins.tsdb import TsdbConfig
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.compactor import Compactor
from narthex_plugins.tsdb.limits import Limits
from narthex_plugins.tsdb.storage import Tsdb

T0 = 1_700_006_400_000
"""A multiple of two hours."""

STEP = 60_000


def compacted(storage: Tsdb) -> None:
    """Do everything that can be done; it is as late as the newest sample."""
    for _ in range(3):  # what waits in memory is sealed, then compacted, then set aside
        storage._disk._sealer.retry().result()
        storage._disk.tidy(storage._newest, storage._newest).result()


def kept(make: Factory) -> dict[str, int]:
    return {name: len(list((make.data / name).glob("*.nrx"))) for name in ("sealed", "blocks")}


class Load:
    """Three targets: a steady one, one that moves to another lane, one with gaps; and a series of points."""

    def __init__(self, storage: Tsdb) -> None:
        self.storage = storage
        self.lanes = [storage.open_lane(STEP, phase) for phase in (0, 7_000, 50_000)]
        for number, lane in enumerate(self.lanes):
            lane.extend(storage.register(family(4, target=str(number))))
        self.own = storage.register([Labels({"__name__": "own"})])
        self.at = T0

    def play(self, hours: float) -> None:
        end = self.at + int(hours * 3_600_000)
        while self.at < end:
            step = self.at // STEP
            for number, lane in enumerate(self.lanes):
                if number == 2 and step % 7 == 0:
                    continue
                values = np.array([step, 3.25, step * 0.1, MISSING if step % 50 else 1.0])
                own = None
                if number == 0:
                    own = Points(self.own, np.array([self.at + 500]), np.array([float(step % 11)]))
                self.storage.append(Batch(lane, self.at + lane.phase, values, own))
            if step % 97 == 0:
                self.lanes[1].close()
                self.lanes[1] = self.storage.open_lane(STEP, 7_000)
                self.lanes[1].extend(self.storage.register(family(4, target="1")))
            self.at += STEP


async def test_samples_stay_what_they_were_through_all_levels(make: Factory) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    levels = set()
    for _ in range(18):
        load.play(2.2)
        before = samples(storage)
        compacted(storage)
        assert samples(storage) == before
        levels |= {block.level for block in storage._parts.blocks()}
        middle = load.at - 5 * 3_600_000
        late = {k: [x for x in v if x[0] >= middle] for k, v in before.items()}
        assert samples(storage, start=middle) == late
        assert samples(storage, [equal("target", "2")]) == {
            k: v for k, v in before.items() if "target" in k and k["target"] == "2"
        }
    assert {1, 2, 3} <= levels
    assert kept(make)["blocks"] <= 6
    await storage.stop()
    storage = make()
    await storage.start()
    assert samples(storage) == before
    assert make.metric("wal_corruptions_total") == 0
    await storage.stop()


async def test_series_that_only_blocks_know_are_found(make: Factory) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    load.play(5)
    compacted(storage)
    await storage.stop()
    before = None
    for _ in range(2):
        storage = make()
        await storage.start()
        lane = storage.open_lane(STEP, 0)
        lane.extend(storage.register([Labels({"__name__": "m", "i": "1", "target": "0"}), Labels({"__name__": "new"})]))
        load.at += 600_000
        storage.append(Batch(lane, load.at, np.array([1.0, 2.0])))
        found = samples(storage)
        assert len(found) == 14
        assert before is None or {k: v[: len(before[k])] for k, v in found.items() if k in before} == before
        before = found
        assert storage.label_values("target", [], 0, 1 << 53) == ["0", "1", "2"]
        assert storage.label_names([], 0, 1 << 53) == ["__name__", "i", "target"]
        assert len(storage.series([[equal("i", "2")], [equal("__name__", "new")]], 0, 1 << 53)) == 4
        assert storage.series([[equal("i", "2")]], load.at, 1 << 53) == []
        await storage.stop()


async def test_late_points_make_a_block_that_is_joined_with_the_one_it_overlaps(make: Factory) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    load.play(4)
    storage._disk.seal_points(force=True)
    compacted(storage)
    load.play(3)
    # Points of a series that never had any may lie up to an hour behind; here they reach into the block of before.
    ref = storage.register([Labels({"__name__": "late"})])
    before = samples(storage)
    await storage.stop()
    storage = make()
    await storage.start()
    assert samples(storage) == before
    compacted(storage)
    extents = sorted((block.extent.start, block.extent.end) for block in storage._parts.blocks())
    assert all(one[1] <= two[0] for one, two in pairwise(extents))
    assert samples(storage) == before
    assert len(ref) == 1
    await storage.stop()


async def test_blocks_past_retention_are_removed(make: Factory) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make(TsdbConfig(retention=Duration(8 * 3_600_000)))
    await storage.start()
    load = Load(storage)
    for _ in range(8):
        load.play(2)
        compacted(storage)
    oldest = min(one[0] for own in samples(storage).values() for one in own)
    assert load.at - 8 * 3_600_000 - RANGE - STEP <= oldest < load.at - 6 * 3_600_000
    assert make.metric("time_retentions_total") > 0
    await storage.stop()


async def test_blocks_are_removed_oldest_first_to_keep_the_size(make: Factory) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    load.play(12)
    compacted(storage)
    sizes = sum(block.file.size for block in storage._parts.blocks())
    before = samples(storage)
    await storage.stop()
    storage = make(TsdbConfig(retention_size=Size(sizes)))
    await storage.start()
    compacted(storage)
    found = samples(storage)
    assert make.metric("size_retentions_total") >= 1
    assert all(found[k] == v[-len(found[k]) :] for k, v in before.items() if k in found)
    assert sum(map(len, found.values())) < sum(map(len, before.values()))
    await storage.stop()


@pytest.mark.parametrize("bound", ["retention", "retention_size", "retention_percentage"])
async def test_other_bounds_are_kept_without_a_restart(
    make: Factory, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make(TsdbConfig(retention=Duration(0)))
    await storage.start()
    load = Load(storage)
    load.play(12)
    compacted(storage)
    before = samples(storage)
    size = sum(block.file.size for block in storage._parts.blocks()) + storage._disk.directory.head_bytes()
    disk = SimpleNamespace(f_frsize=size // 100, f_blocks=1000)  # ten times what is there
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    config = TsdbConfig(**{"retention": Duration(0), bound: BOUNDS[bound](size)})
    storage.reconfigure(config)
    compacted(storage)
    found = samples(storage)
    assert 0 < sum(map(len, found.values())) < sum(map(len, before.values()))
    assert all(before[k][-len(v) :] == v for k, v in found.items()), "the oldest went"
    limits = {"retention": 0, "retention_size": size - 1, "retention_percentage": int(size // 100 * 1000 * 0.099)}
    assert make.metric("retention_limit_bytes") == limits[bound]
    await storage.stop()


BOUNDS = {
    "retention": lambda _: Duration(4 * 3_600_000),
    "retention_size": lambda size: Size(size - 1),
    "retention_percentage": lambda _: 9.9,
}
"""Bounds that are a little less than what is there."""


async def test_a_disk_that_cannot_be_asked_has_no_bound(tmp_path: Path) -> None:
    limits = Limits(0, size=5, percentage=1.0)
    assert limits.most(tmp_path) > 5
    assert limits.most(tmp_path / "gone") == 0
    limits.percentage = 0.0
    assert limits.most(tmp_path) == 5


async def test_a_block_that_cannot_be_written_leaves_everything_as_it_is(
    make: Factory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    load.play(4)
    before = samples(storage)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    storage._disk._sealer.retry().result()
    with monkeypatch.context() as patch:
        patch.setattr("narthex_plugins.tsdb.container.finish_file", full)
        for _ in range(3):
            storage._disk.tidy(storage._newest, storage._newest).result()
        assert samples(storage) == before
        assert not list((make.data / "blocks").iterdir())
    assert [one.message for one in caplog.records].count("cannot write a block; its samples stay where they are") == 1
    assert make.metric("compactions_failed_total") >= 3
    compacted(storage)
    assert "blocks can be written" in caplog.text or kept(make)["blocks"]
    assert samples(storage) == before
    assert kept(make)["blocks"] == 1
    await storage.stop()


async def test_a_damaged_block_is_set_aside_and_the_rest_is_served(
    make: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    load.play(6)
    compacted(storage)
    first = min(storage._parts.blocks(), key=lambda one: one.min_time)
    path, entry = first.file.path, first.file.facts["arrays"]["float.pages"]
    rest = samples(storage, start=first.extent.end)
    content = bytearray(path.read_bytes())
    content[entry["offset"] + entry["size"] // 2] ^= 4
    with path.open("r+b") as file:  # in place: the map sees it
        file.write(content)
    samples(storage)
    compacted(storage)
    assert f"{path.name}.bad" in [one.name for one in (make.data / "blocks").iterdir()]
    assert "a damaged block was set aside" in caplog.text
    assert samples(storage, start=first.extent.end) == rest
    assert make.metric("wal_corruptions_total") == 1
    await storage.stop()


async def test_series_that_left_the_head_are_forgotten_and_their_references_used_again(make: Factory) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    everything = {}
    most = 0
    for generation in range(12):  # pods come and go: each has other series than the one before
        lane = storage.open_lane(STEP, 0)
        lane.extend(storage.register(family(50, pod=f"p{generation}")))
        for step in range(180):
            at = T0 + (generation * 180 + step) * STEP
            storage.append(Batch(lane, at, np.arange(50.0) + step))
        lane.close()
        everything |= samples(storage, [equal("pod", f"p{generation}")])
        compacted(storage)
        for _ in range(2):
            storage._collect(storage._disk, at)
            storage._collected = ()
        most = max(most, storage._table.live)
    assert most <= 200
    assert storage._table.count <= 300
    assert len(storage._table.columns["pod"].values) <= 13
    assert samples(storage) == everything
    storage._disk.wal.flush()
    assert (make.data / "wal" / "series.log").stat().st_size < 20_000
    await storage.stop()
    storage = make()
    await storage.start()
    assert samples(storage) == everything
    await storage.stop()


async def test_samples_that_keep_coming_late_do_not_have_blocks_written_every_minute(
    make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.clock = FakeClock(T0 / 1000)
    storage = make(TsdbConfig(out_of_order_window=Duration(6 * 3_600_000)))
    await storage.start()
    load = Load(storage)
    load.play(8)
    compacted(storage)
    rewritten = []
    rewrite = Compactor.rewrite

    def counted(self: Compactor, blocks: list[Block]) -> None:
        rewritten.append([block.number for block in blocks])
        rewrite(self, blocks)

    monkeypatch.setattr(Compactor, "rewrite", counted)
    late = storage.register([Labels({"__name__": "late"})])
    for minute in range(240):
        points = Points(late, np.array([load.at - 5 * 3_600_000]), np.array([float(minute)]))
        storage.append(Batch(load.lanes[0], load.at, np.full(4, 1.0), points))
        load.at += STEP
        storage._disk._sealer.retry().result()
        storage._disk.tidy(storage._newest, storage._newest).result()
    assert 1 <= len(rewritten) <= 8
    before = samples(storage)
    assert len(before[Labels({"__name__": "late"})]) == 240
    compacted(storage)
    assert samples(storage) == before
    await storage.stop()
