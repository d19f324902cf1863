"""Histograms on disk: restarts, kills, damage, sealing, retention."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import any_histogram
from tests.plugins.tsdb.processes import heard, killed, started

from narthex.errors import StorageError
from narthex.model.histogram import Hint, Histogram, parse_histogram, same, scale
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.histograms.columns import columns_of_samples, joined
from narthex_plugins.tsdb.histograms.record import histograms_payload, read_histograms
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms

T0 = 1_700_000_000_000
DAY = 86_400_000
A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})


def counting(n: float) -> Histogram:
    return parse_histogram(f"{{{{schema:2 count:{n} sum:{n / 3} z_bucket:1 buckets:[{n} 0 {2 * n}] n_buckets:[1]}}}}")


def write(storage, start: int, rows: int, kinds=(A, B)) -> None:
    refs = storage.register(list(kinds)).tolist()
    lane = storage.open_lane(1000, 0)
    for i in range(start, start + rows):
        when = T0 + i * 1000
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


def check(found: dict[str, list[tuple[int, Histogram]]], rows: int, names: str = "ab") -> None:
    assert sorted(found) == sorted(names)
    for samples in found.values():
        assert [when for when, _ in samples] == [T0 + i * 1000 for i in range(rows)]
        assert all(same(value, counting(i)) for i, (_, value) in enumerate(samples))


async def settled(storage) -> None:
    while not storage._disk.histograms.idle:  # noqa: ASYNC110 (a thread empties the queue; there is no event to await)
        await asyncio.sleep(0.01)


async def sealed(storage) -> None:
    storage._disk.histograms.seal()
    await settled(storage)


@pytest.mark.parametrize("seal", [(), (1,), (0, 2)])
async def test_histograms_survive_restarts_in_any_form(make, seal) -> None:
    for part in range(3):
        storage = make()
        await storage.start()
        check(everything(storage), 10 * part, "ab" if part else "")
        write(storage, 10 * part, 10)
        if part in seal:
            await sealed(storage)
        check(everything(storage), 10 * part + 10)
        await storage.stop()
    assert len(list((make.data / "histograms").glob("run-*.nrx"))) == len(seal)
    storage = make()
    await storage.start()
    check(everything(storage), 30)
    assert make.metric("wal_corruptions_total") == 0
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
    storage._disk.histograms.seal()
    write(storage, 5, 5)  # behind the moment of sealing: they belong to the next log
    await settled(storage)
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
    await settled(storage)
    (log,) = (make.data / "histograms").glob("log-*.log")
    copy = log.read_bytes()
    await sealed(storage)
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
    storage = make()
    await storage.start()
    for part in range(3):
        write(storage, 5 * part, 5)
        await settled(storage)
    await storage.stop()
    (log,) = (make.data / "histograms").glob("log-*.log")
    log.write_bytes(log.read_bytes()[:-cut])
    storage = make()
    await storage.start()
    found = everything(storage)
    rows = len(found["a"])
    assert rows in {5, 10}
    check(found, rows)
    assert make.metric("wal_corruptions_total") == 1
    await storage.stop()


async def test_a_damaged_file_is_set_aside_and_a_damaged_page_left_out(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 50)
    await sealed(storage)
    await storage.stop()
    (path,) = (make.data / "histograms").glob("run-*.nrx")
    whole = path.read_bytes()
    entry = ArrayFile(path).facts["arrays"]
    path.write_bytes(_flipped(whole, entry["pages"]["offset"] + 3))
    storage = make()
    await storage.start()
    assert [name for name in "ab" if name in everything(storage)] == ["b"]
    assert make.metric("wal_corruptions_total") >= 1
    await storage.stop()
    path.write_bytes(_flipped(whole, entry["first"]["offset"]))
    storage = make()
    await storage.start()
    assert everything(storage) == {}
    assert path.with_name(f"{path.name}.bad").exists()
    await storage.stop()


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


async def test_files_past_retention_are_removed(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 5)
    await sealed(storage)
    storage._disk.histograms.tidy(T0)
    check(everything(storage), 5)
    storage._disk.histograms.tidy(T0 + 10_000)
    assert everything(storage) == {}
    assert list((make.data / "histograms").glob("run-*.nrx")) == []
    await storage.stop()


async def test_the_oldest_files_make_room(make) -> None:
    storage = make()
    await storage.start()
    for part in range(3):
        write(storage, 10 * part, 10)
        await sealed(storage)
    disk = storage._disk.histograms
    disk.make_room(1, T0 + 5000)  # something else is older
    assert len(everything(storage)["a"]) == 30
    disk.make_room(1, T0 + DAY)
    assert [when for when, _ in everything(storage)["a"]] == [T0 + i * 1000 for i in range(10, 30)]
    disk.make_room(1 << 40, T0 + DAY)
    assert everything(storage) == {}
    await storage.stop()


async def test_a_full_disk_loses_nothing_that_is_in_memory(make, monkeypatch) -> None:
    storage = make()
    await storage.start()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("narthex_plugins.tsdb.histograms.disk.write_histograms", full)
        write(storage, 0, 5)
        await sealed(storage)
        check(everything(storage), 5)
    write(storage, 5, 5)
    await sealed(storage)
    check(everything(storage), 10)
    names = sorted(path.name for path in (make.data / "histograms").iterdir())
    assert names == ["run-00000002.nrx"]  # the logs that the failed one left behind went with it
    await storage.stop()
    storage = make()
    await storage.start()
    check(everything(storage), 10)
    await storage.stop()


async def test_deleted_histograms_are_gone_wherever_they_stood(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 10)
    await sealed(storage)
    write(storage, 10, 10)
    await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], T0 + 5000, T0 + 14_000)
    write(storage, 20, 5)
    for _ in range(2):
        found = everything(storage)
        assert [when for when, _ in found["a"]] == [T0 + i * 1000 for i in (*range(5), *range(15, 25))]
        check({"b": found["b"]}, 25, "b")
        await storage.stop()
        storage = make()
        await storage.start()
    await storage.delete_series([[Matcher(MatchOp.REGEX, "__name__", ".+")]], 0, T0 + 100_000)
    assert everything(storage) == {}
    await storage.stop()


async def test_the_files_of_a_day_become_one_when_it_is_over(make) -> None:
    storage = make()
    await storage.start()
    start = (DAY - T0 % DAY) // 1000  # rows are a second apart; the next day begins with this one
    for part in range(3):
        write(storage, start + 10 * part, 10)
        await sealed(storage)
    storage._disk.histograms.tidy(0)
    await settled(storage)
    directory = make.data / "histograms"
    assert len(list(directory.glob("run-*.nrx"))) == 3
    later = start + (DAY + 3 * 3_600_000) // 1000
    write(storage, later, 5)
    await sealed(storage)
    storage._disk.histograms.tidy(0)
    await settled(storage)
    assert len(list(directory.glob("run-*.nrx"))) == 2
    for _ in range(2):
        found = everything(storage)
        rows = [*range(start, start + 30), *range(later, later + 5)]
        for samples in found.values():
            assert [when for when, _ in samples] == [T0 + i * 1000 for i in rows]
            assert all(same(value, counting(i)) for i, (_, value) in zip(rows, samples, strict=True))
        await storage.stop()
        storage = make()
        await storage.start()
    await storage.stop()


async def test_damaged_files_are_left_as_they_are(make) -> None:
    storage = make()
    await storage.start()
    start = (DAY - T0 % DAY) // 1000
    for part in range(2):
        write(storage, start + 10 * part, 10)
        await sealed(storage)
    (first, _) = sorted((make.data / "histograms").glob("run-*.nrx"))
    at = ArrayFile(first).facts["arrays"]["pages"]["offset"] + 3
    with first.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xFF]))
    write(storage, start + (DAY + 3 * 3_600_000) // 1000, 1)
    await sealed(storage)
    for _ in range(2):
        storage._disk.histograms.tidy(0)
        await settled(storage)
    assert len(list((make.data / "histograms").glob("run-*.nrx"))) == 3
    assert make.metric("wal_corruptions_total") == 1
    await storage.stop()


async def test_a_mistake_in_the_thread_does_not_end_it(make, monkeypatch) -> None:
    storage = make()
    await storage.start()
    with monkeypatch.context() as patch:
        patch.setattr("narthex_plugins.tsdb.histograms.disk.write_histograms", lambda *_: 1 / 0)
        write(storage, 0, 5)
        await sealed(storage)
        with pytest.raises(ZeroDivisionError):
            await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], 0, T0)
    write(storage, 5, 5)
    await settled(storage)
    await storage.stop()
    storage = make()
    await storage.start()
    check(everything(storage), 10)
    await storage.stop()


async def test_a_deletion_that_cannot_be_written_is_refused(make, monkeypatch) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 5)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("narthex_plugins.tsdb.histograms.disk.write_histograms", full)
    with pytest.raises(StorageError, match="cannot delete histograms"):
        await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], 0, T0)
    check(everything(storage), 5)
    await storage.stop()


async def test_a_snapshot_holds_histograms(make) -> None:
    storage = make()
    await storage.start()
    write(storage, 0, 5)
    await sealed(storage)
    write(storage, 5, 5)
    name = await storage.snapshot(skip_head=False)
    write(storage, 10, 5)
    await storage.stop()
    make.data = make.data / "snapshots" / name
    storage = make()
    await storage.start()
    check(everything(storage), 10)
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
        read_histograms(memoryview(b"\x10" + data))


@given(SAMPLES, st.booleans())
def test_a_sealed_file_reads_back(tmp_path_factory, found: list[tuple[int, Histogram]], whole: bool) -> None:
    values = [value if whole else scale(value, 0.3) for _, value in found]
    samples = [(ref, T0 + i, 0, value) for i, ((ref, _), value) in enumerate(zip(found, values, strict=True))]
    path = tmp_path_factory.mktemp("sealed") / "run-00000001.nrx"
    write_histograms(joined([columns_of_samples([one]) for one in samples]), 1, path)
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
    found = joined([one, other])
    assert [value.count for value in found.histograms(np.arange(len(found)))] == [2.0]


def test_a_file_of_another_kind_is_refused(tmp_path) -> None:
    (tmp_path / "run-00000001.nrx").write_bytes(b"nothing")
    with pytest.raises(StorageError):
        ArrayFile(tmp_path / "run-00000001.nrx")
