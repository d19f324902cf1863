"""Histograms on disk: restarts, kills, damage, sealing, compaction, deletion, retention."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import any_histogram
from tests.plugins.tsdb.processes import heard, killed, started

from narthex.config.types import Duration
from narthex.errors import StorageError
from narthex.model.histogram import Hint, Histogram, parse_histogram, same, scale
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Appended, Batch
from narthex_plugins.tsdb import TsdbConfig
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.histograms.columns import columns_of_samples
from narthex_plugins.tsdb.histograms.joining import joined_columns
from narthex_plugins.tsdb.histograms.record import histograms_payload, read_histograms
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms

T0 = 1_700_006_400_000
MINUTE = 60_000
A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})


def counting(n: float) -> Histogram:
    return parse_histogram(f"{{{{schema:2 count:{n} sum:{n / 3} z_bucket:1 buckets:[{n} 0 {2 * n}] n_buckets:[1]}}}}")


def write(storage, start: int, rows: int, kinds=(A, B), step: int = 1000) -> None:
    refs = storage.register(list(kinds)).tolist()
    lane = storage.open_lane(step, 0)
    for i in range(start, start + rows):
        when = T0 + i * step
        held = HistogramPoints.of(refs, [when] * len(refs), [counting(i)] * len(refs), [when - 5] * len(refs))
        assert storage.append(Batch(lane, when, np.zeros(0), histograms=held)).stored == len(refs)
    lane.close()


def everything(storage) -> dict[str, list[tuple[int, Histogram]]]:
    selection = storage.select([Matcher(MatchOp.REGEX, "__name__", ".+")], 0, 1 << 53)
    names = [labels["__name__"] for labels in selection.labels.all_labels()]
    found: dict[str, list[tuple[int, Histogram]]] = {}
    points = selection.histograms
    if len(points):
        assert (points.starts == points.times - 5).all()
    for series, when, value in zip(points.series.tolist(), points.times.tolist(), points.values, strict=True):
        found.setdefault(names[series], []).append((when, value))
    return found


def check(found: dict[str, list[tuple[int, Histogram]]], rows: int, names: str = "ab", step: int = 1000) -> None:
    assert sorted(found) == sorted(names)
    for samples in found.values():
        assert [when for when, _ in samples] == [T0 + i * step for i in range(rows)]
        assert all(same(value, counting(i)) for i, (_, value) in enumerate(samples))


def sealed(storage) -> None:
    storage._disk.seal_points(force=True)
    storage._disk._sealer.retry().result()


def compacted(storage) -> None:
    """Seal and compact until nothing is left to do."""
    for _ in range(4):
        storage._disk._sealer.retry().result()
        storage._disk.tidy(storage._newest, storage._newest).result()


def files(make) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (make.data / "sealed").iterdir())


@pytest.mark.parametrize("seal", [(), (1,), (0, 2)])
async def test_histograms_survive_restarts_in_any_form(make, seal) -> None:
    for part in range(3):
        storage = make()
        await storage.start()
        check(everything(storage), 10 * part, "ab" if part else "")
        write(storage, 10 * part, 10)
        if part in seal:
            sealed(storage)
        check(everything(storage), 10 * part + 10)
        await storage.stop()
    assert files(make) == ["histograms"] * len(seal)
    storage = make()
    await storage.start()
    check(everything(storage), 30)
    assert make.metric("wal_corruptions_total") == 0
    await storage.stop()


async def test_blocks_hold_them_and_grow(make) -> None:
    storage = make()
    await storage.start()
    for part in range(12):
        write(storage, 100 * part, 100, step=MINUTE)
        compacted(storage)
        check(everything(storage), 100 * part + 100, step=MINUTE)
        if part % 5 == 4:
            await storage.stop()
            storage = make()
            await storage.start()
            check(everything(storage), 100 * part + 100, step=MINUTE)
    blocks = storage._parts.blocks()
    assert max(block.level for block in blocks) == 2
    assert sum(block.samples for block in blocks) == sum(block.file.facts["histograms"] for block in blocks) > 1800
    level = next(block for block in blocks if block.level == 2)
    assert len(level.histograms.series) == 2  # six hours are one segment of each series, not three
    level.verify()
    assert (
        storage.select([Matcher(MatchOp.EQUAL, "__name__", "a")], 0, 1 << 53).histograms.values[0].hint is Hint.UNKNOWN
    )
    hints = [value.hint for _, value in everything(storage)["a"][2:]]
    assert hints.count(Hint.NOT_RESET) > len(hints) - 20, "only where files meet nothing is known"
    await storage.stop()


async def test_a_snapshot_of_blocks_alone_holds_those_in_blocks(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 400, step=MINUTE)
    compacted(storage)
    (block, *_) = sorted(storage._parts.blocks(), key=lambda one: one.min_time)
    names = {skip: await storage.snapshot(skip_head=skip) for skip in (True, False)}
    await storage.stop()
    data = make.data
    for skip, name in names.items():
        make.data = data / "snapshots" / name
        storage = make()
        await storage.start()
        found = everything(storage)
        assert found["a"][0][0] == block.min_time
        assert (len(found["a"]) < 400) == skip
        await storage.stop()


async def test_series_that_hold_histograms_only_keep_their_name(make) -> None:
    storage = make()
    await storage.start()
    storage.register([Labels({"__name__": f"gone{i}"}) for i in range(3)])
    write(storage, 0, 5)
    await storage.stop()
    storage = make()
    await storage.start()
    storage.register([Labels({"__name__": f"new{i}"}) for i in range(10)])
    check(everything(storage), 5)
    await storage.stop()


async def test_what_is_sealed_while_samples_come_is_complete(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 5)
    storage._disk.seal_points(force=True)
    write(storage, 5, 5)  # behind the moment of sealing: they belong to the next log
    storage._disk._sealer.retry().result()
    check(everything(storage), 10)
    await storage.stop()
    storage = make()
    await storage.start()
    check(everything(storage), 10)
    await storage.stop()


async def test_a_log_left_by_a_crash_between_two_steps_repeats_nothing(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 5)
    storage._disk.wal.flush()
    (log,) = (make.data / "wal").glob("histograms-*.log")
    copy = log.read_bytes()
    sealed(storage)
    write(storage, 5, 5)
    await storage.stop()
    log.write_bytes(copy)
    storage = make()
    await storage.start()
    check(everything(storage), 10)
    await storage.stop()


@pytest.mark.parametrize("seed", range(3))
async def test_what_was_acknowledged_survives_sigkill(make, seed) -> None:
    process = started(Path(__file__).with_name("histogram_writer.py"), make.data)
    for _ in range(2 + seed):
        acknowledged = int(heard(process))
    await asyncio.sleep(0.037 * seed)  # another moment of the cycle each time; nothing depends on it
    acknowledged = max([acknowledged, *map(int, killed(process))])
    storage = make()
    await storage.start()
    found = everything(storage)
    await storage.stop()
    for samples in found.values():
        assert len(samples) >= acknowledged
    check(found, len(found["a"]))


@pytest.mark.parametrize("cut", [1, 7, 60])
async def test_a_torn_log_is_good_up_to_its_damage(make, cut) -> None:
    for part in range(2):
        storage = make()
        await storage.start()
        write(storage, 5 * part, 5)
        await storage.stop()
    (log,) = (make.data / "wal").glob("histograms-*.log")
    log.write_bytes(log.read_bytes()[:-cut])
    storage = make()
    await storage.start()
    found = everything(storage)
    rows = len(found["a"])
    assert 5 <= rows < 10
    check(found, rows)
    assert make.metric("wal_corruptions_total") == 1
    await storage.stop()


async def test_a_damaged_page_is_left_out_and_its_file_set_aside(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 50)
    sealed(storage)
    (path,) = (make.data / "sealed").glob("histograms-*.nrx")
    at = ArrayFile(path).facts["arrays"]["histogram.pages"]["offset"] + 3
    with path.open("r+b") as file:  # in place, where the map of the file sees it
        file.seek(at)
        file.write(b"?")
    assert sorted(everything(storage)) in (["a"], ["b"], [])
    storage._disk.tidy(storage._newest, storage._newest).result()
    assert path.with_name(f"{path.name}.bad").exists()
    assert make.metric("wal_corruptions_total") == 1
    write(storage, 50, 5)
    assert len(everything(storage)["a"]) == 5
    await storage.stop()


async def test_files_past_retention_are_removed(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 5)
    sealed(storage)
    storage._disk._sealer.expire(T0).result()
    check(everything(storage), 5)
    storage._disk._sealer.expire(T0 + 10_000).result()
    assert everything(storage) == {}
    assert files(make) == []
    await storage.stop()


async def test_blocks_past_retention_are_removed_with_their_histograms(make) -> None:
    storage = make(TsdbConfig(retention=Duration(6 * 60 * MINUTE)))
    await storage.start()
    for part in range(10):
        write(storage, 100 * part, 100, step=MINUTE)
        compacted(storage)
    found = everything(storage)
    assert len(found["a"]) < 700
    assert found["a"][-1][0] == T0 + 999 * MINUTE
    await storage.stop()


async def test_a_full_disk_loses_nothing_that_is_in_memory(make, monkeypatch) -> None:
    storage = make()
    await storage.start()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("narthex_plugins.tsdb.sealer.write_histograms", full)
        write(storage, 0, 5)
        sealed(storage)
        check(everything(storage), 5)
    write(storage, 5, 5)
    sealed(storage)
    check(everything(storage), 10)
    await storage.stop()
    storage = make()
    await storage.start()
    check(everything(storage), 10)
    await storage.stop()


@pytest.mark.parametrize("compact", [False, True])
async def test_deleted_histograms_are_gone_wherever_they_stood(make, compact) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 400, step=MINUTE)
    if compact:
        compacted(storage)
    write(storage, 400, 10, step=MINUTE)
    gone = range(5, 405)
    await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], T0 + 5 * MINUTE, T0 + 404 * MINUTE)
    write(storage, 410, 5, step=MINUTE)
    for turn in range(3):
        found = everything(storage)
        assert [when for when, _ in found["a"]] == [T0 + i * MINUTE for i in range(415) if i not in gone]
        assert found["a"][5][1].hint is Hint.UNKNOWN  # what it was compared with is gone
        check({"b": found["b"]}, 415, "b", step=MINUTE)
        if turn == 1:
            await storage.clean_tombstones()
            continue
        await storage.stop()
        storage = make()
        await storage.start()
    await storage.delete_series([[Matcher(MatchOp.REGEX, "__name__", ".+")]], 0, T0 + 1000 * MINUTE)
    assert everything(storage) == {}
    await storage.clean_tombstones()
    compacted(storage)
    assert everything(storage) == {}
    assert storage._parts.blocks() == ()
    await storage.stop()


async def test_late_ones_are_taken_within_the_window_and_merged_into_blocks(make) -> None:
    storage = make(TsdbConfig(out_of_order_window=Duration(5 * 60 * MINUTE)))
    await storage.start()
    write(storage, 0, 250, step=2 * MINUTE)
    compacted(storage)
    refs = storage.register([A, B]).tolist()
    lane = storage.open_lane(1000, 0)
    late = [T0 + (i * 2 + 1) * MINUTE for i in range(200, 249)]
    for when in late:
        held = HistogramPoints.of(refs, [when] * 2, [counting(1)] * 2, [when - 5] * 2)
        assert storage.append(Batch(lane, T0 + 600 * MINUTE, np.zeros(0), histograms=held)).stored == 2
    held = HistogramPoints.of(refs, [T0 + MINUTE] * 2, [counting(1)] * 2)
    assert storage.append(Batch(lane, T0, np.zeros(0), histograms=held)) == Appended(too_old=2)
    assert make.metric("too_old_samples_total") == 2
    for turn in range(3):
        found = everything(storage)["a"]
        assert [when for when, _ in found] == sorted([*(T0 + i * 2 * MINUTE for i in range(250)), *late])
        around = [(when, value) for when, value in found if when >= late[0]]
        assert {value.hint for _, value in around[:-1]} == {Hint.UNKNOWN}, "neighbours must be compared again"
        hints = [value.hint for when, value in found[1:] if when < late[0]]
        assert hints.count(Hint.NOT_RESET) > len(hints) - 5
        write(storage, 650 + turn, 1, step=2 * MINUTE)  # time goes on, so everything is compacted
        compacted(storage)
        await storage.stop()
        storage = make(TsdbConfig(out_of_order_window=Duration(5 * 60 * MINUTE)))
        await storage.start()
        await storage.delete_series([[Matcher(MatchOp.REGEX, "__name__", ".+")]], T0 + 1200 * MINUTE, 1 << 53)
    await storage.stop()


SAMPLES = st.lists(st.tuples(st.integers(0, 3), any_histogram), min_size=1, max_size=12)


@given(SAMPLES)
def test_a_record_reads_back(found: list[tuple[int, Histogram]]) -> None:
    samples = [(ref, T0 + i, i, value) for i, (ref, value) in enumerate(found)]
    again = list(read_histograms(memoryview(histograms_payload(columns_of_samples(samples)))).samples())
    assert [one[:3] for one in again] == [one[:3] for one in samples]
    assert all(same(one[3], other[3]) for one, other in zip(again, samples, strict=True))


@given(st.binary(max_size=60))
def test_a_record_of_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_histograms(memoryview(b"\x07" + data))


@given(SAMPLES, st.booleans())
def test_a_sealed_file_reads_back(tmp_path_factory, found: list[tuple[int, Histogram]], whole: bool) -> None:
    values = [value if whole else scale(value, 0.3) for _, value in found]
    samples = [(ref, T0 + i, 0, value) for i, ((ref, _), value) in enumerate(zip(found, values, strict=True))]
    path = tmp_path_factory.mktemp("sealed") / "run-00000001.nrx"
    write_histograms(joined_columns([], [columns_of_samples([one]) for one in samples]), 1, path)
    file = SealedHistograms(ArrayFile(path), pytest.fail)
    points = file.pick(np.arange(4), T0, T0 + 100)
    wanted = sorted(samples, key=lambda one: one[:2])
    assert points.series.tolist() == [one[0] for one in wanted]
    assert points.times.tolist() == [one[1] for one in wanted]
    assert all(same(value, one[3]) for value, one in zip(points.values, wanted, strict=True))
    part = file.pick(np.array([wanted[0][0]]), wanted[0][1], wanted[0][1])
    assert part.times.tolist() == [wanted[0][1]]


def test_of_repeats_the_last_stays() -> None:
    one, other = (columns_of_samples([(1, T0, 0, Histogram(count=float(n), hint=Hint.GAUGE))]) for n in (1, 2))
    found = joined_columns([], [one, other])
    assert [value.count for value in found.histograms(np.arange(len(found)))] == [2.0]


def test_a_file_of_another_kind_is_refused(tmp_path) -> None:
    (tmp_path / "run-00000001.nrx").write_bytes(b"nothing")
    with pytest.raises(StorageError):
        ArrayFile(tmp_path / "run-00000001.nrx")
