"""A directory is read while a server works on it: what was written is seen, nothing is changed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import narthex
from narthex.errors import StorageError
from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.frames import HistogramPoints, Points
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb import survey as surveying
from narthex_plugins.tsdb.blocks import BlockWriter, block_path, open_block, write_block
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.histograms.columns import columns_of_samples
from narthex_plugins.tsdb.inspect.analyze import analyze
from narthex_plugins.tsdb.inspect.listing import entries
from narthex_plugins.tsdb.survey import survey
from narthex_plugins.tsdb.transfer.intake import Intake

SERIES = [Labels({"__name__": "a", "job": "x"}), Labels({"__name__": "b"})]
T0 = 1_700_006_400_000
STEP = 15_000


def put(storage, lane, first, count, value=0.0):
    for at in range(first, first + count):
        storage.append(Batch(lane, T0 + at * STEP, np.array([value + at, -at], dtype=np.float64)))


async def opened(make):
    storage = make()
    await storage.start()
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register(SERIES))
    return storage, lane


def found(path) -> dict[str, dict[int, float]]:
    with narthex.open(path) as database:
        return {
            str(labels): dict(zip(times.tolist(), values.tolist(), strict=True))
            for labels, times, values in database.samples('{__name__=~".+"}')
        }


def rows(count, first=0):
    return {
        str(SERIES[0]): {T0 + at * STEP: float(at) for at in range(first, count)},
        str(SERIES[1]): {T0 + at * STEP: -float(at) for at in range(first, count)},
    }


def listing(path):
    return {one: one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


async def test_what_was_written_is_seen_beside_a_server_and_nothing_is_changed(make):
    storage, lane = await opened(make)
    put(storage, lane, 0, 100)
    storage._disk.wal.flush()
    before = listing(make.data)
    assert found(make.data) == rows(100)
    assert listing(make.data) == before
    put(storage, lane, 100, 210)  # slabs become full and are sealed
    storage._disk.wal.flush()
    assert found(make.data) == rows(310)
    await storage.stop()
    assert found(make.data) == rows(310)


async def test_samples_of_every_place_come_together(make):
    storage, lane = await opened(make)
    put(storage, lane, 0, 130)
    ref = storage.register([Labels({"__name__": "late"})])
    late = Points(ref, np.array([T0 + 130 * STEP - 7]), np.array([7.0]))
    storage.append(Batch(lane, T0 + 130 * STEP, np.array([130.0, -130.0]), late))
    await storage.stop()
    with Intake(make.data) as intake:
        times = T0 - STEP * np.arange(4, 0, -1)
        intake.write([(SERIES[0], times, np.arange(4.0)), (Labels({"__name__": "old"}), times, np.ones(4))])
        intake.commit()
    everything = found(make.data)
    assert everything.pop('{__name__="late"}') == {T0 + 130 * STEP - 7: 7.0}
    assert everything.pop('{__name__="old"}') == dict.fromkeys(times.tolist(), 1.0)
    old = dict(zip(times.tolist(), [0.0, 1.0, 2.0, 3.0], strict=True))
    assert everything == {**rows(131), str(SERIES[0]): old | rows(131)[str(SERIES[0])]}
    with narthex.open(make.data) as database:
        assert (database.stats().min_time, database.stats().max_time) == (int(times[0]), T0 + 130 * STEP)
        assert ("job=x", 1) in database.stats().series_by_pair
        assert database.query("a").values.tolist() == [130.0]
        assert database.series("old") == [Labels({"__name__": "old"})]
        assert database.labels("job") == ["x"]


async def test_a_torn_end_of_a_log_is_no_damage_while_a_server_runs(make):
    storage, lane = await opened(make)
    put(storage, lane, 0, 20)
    storage._disk.wal.flush()
    copy = make.data.with_name("copy")
    shutil.copytree(make.data, copy)
    (log,) = (copy / "wal").glob("slab-*.log")
    log.write_bytes(log.read_bytes()[:-5])
    assert survey(copy).damage == []
    assert found(copy) == rows(19)
    (copy / "lock").unlink()
    assert "dropped the last" in survey(copy).damage[0]
    await storage.stop()


async def test_a_damaged_file_is_left_out_and_told(make, caplog):
    storage, lane = await opened(make)
    put(storage, lane, 0, 130)
    await storage.stop()
    (first, *_) = sorted((make.data / "sealed").glob("slab-*"))
    first.write_bytes(b"?" * 5000)
    assert found(make.data) == rows(130, first=120)
    assert caplog.records[0].damage.startswith(str(first))


@pytest.mark.parametrize("moment", range(4))
async def test_files_that_move_on_while_they_are_opened_are_met_in_their_next_form(make, monkeypatch, moment):
    """Two sealed files become a block, and that one becomes another, when so many files have been opened."""
    storage, lane = await opened(make)
    put(storage, lane, 0, 130)
    await storage.stop()
    sealed = sorted((make.data / "sealed").iterdir())
    numbers = [int(path.stem.split("-")[1]) for path in sealed]
    opened_files = []

    def compact(number, parents, gone):
        times = T0 + STEP * np.arange(130)
        values = np.arange(130, dtype=np.float64)
        path = block_path(make.data / "blocks", number)
        with BlockWriter(path, parents=parents) as block:
            for row, one in enumerate((values, -values)):
                block.floats.column(row, block.floats.group(times), one)
            block.finish(LabelTable.of(SERIES))
        for one in gone:
            one.unlink()

    def move():
        if len(opened_files) == moment:
            compact(90, numbers, sealed)
        if len(opened_files) == moment + 1 and block_path(make.data / "blocks", 90).exists():
            compact(91, [90], [block_path(make.data / "blocks", 90)])

    def open_and_move(path, *arguments):
        move()
        opened_files.append(path)
        return ArrayFile(path, *arguments)

    monkeypatch.setattr(surveying, "ArrayFile", open_and_move)
    monkeypatch.setattr(surveying, "open_block", lambda path: (move(), opened_files.append(path), open_block(path))[2])
    assert found(make.data) == rows(130)


async def test_histograms_and_deletions_are_seen_before_and_after_they_are_sealed(make):
    storage, lane = await opened(make)
    put(storage, lane, 0, 20)
    refs = storage.register([Labels({"__name__": "h"})])
    histogram = Histogram(count=2.0, sum=3.0, positive=Buckets.run(1, [2.0]))
    beside = HistogramPoints.of(refs.tolist() * 2, [T0 + 20 * STEP, T0 + 20 * STEP + 1], [histogram] * 2)
    storage.append(Batch(lane, T0 + 20 * STEP, np.array([20.0, -20.0]), histograms=beside))
    await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], T0, T0 + 9 * STEP)
    for closed in (False, True):
        if closed:
            await storage.stop()
        else:
            storage._disk.wal.flush()
        with narthex.open(make.data) as database:
            (_, times, _), *_ = database.samples("a")
            assert times.tolist() == [T0 + at * STEP for at in range(10, 21)]
            assert len(database.samples("b").times) == 21
            answer = database.samples("h")
            assert [one.count for one in answer.histograms] == [2.0, 2.0]
            assert database.stats().max_time == T0 + 20 * STEP + 1


def test_what_is_no_data_directory_is_refused(tmp_path):
    with pytest.raises(StorageError, match="not a data directory"):
        narthex.open(tmp_path / "nothing")
    (tmp_path / "01ABC").mkdir()
    (tmp_path / "01ABC/meta.json").write_text("{}")
    with pytest.raises(StorageError, match="only blocks of Prometheus"):
        narthex.open(tmp_path)


async def test_a_closed_database_says_so(make):
    storage, lane = await opened(make)
    put(storage, lane, 0, 2)
    await storage.stop()
    database = narthex.open(make.data)
    database.close()
    with pytest.raises(StorageError, match="closed"):
        database.query("a")


def test_blocks_are_counted_with_their_histograms(tmp_path):
    directory = tmp_path / "data/blocks"
    directory.mkdir(parents=True)
    times = T0 + np.arange(1500) * 1000
    labels = [Labels({"__name__": name}) for name in "abch"]
    held = columns_of_samples([(0, int(when), 0, Histogram(count=1.0)) for when in times[:600]])
    floats = [times, times, times, times[:0]]
    write_block(block_path(directory, 1), labels, floats, [one * 0.5 for one in floats], histograms={3: held})
    with narthex.open(tmp_path / "data") as database:
        stats = database.stats()
    assert (stats.series, stats.chunks) == (4, 3 * 2 + 2)
    (entry,) = entries(tmp_path / "data")
    found = analyze(tmp_path / "data", [], 10, lambda *_: None)
    assert found.samples == entry.samples == 3 * 1500 + 600
    (own,) = [one for one in found.sizes if one.metric == "h"]
    assert (own.samples, own.series) == (600, 1)
    assert own.bytes < 200  # one that never changes
    assert ('__name__="h"', 1) in found.churn  # it ended in the middle of the block
