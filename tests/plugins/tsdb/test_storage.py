"""What is the embedded storage's own, beyond the contract: slots, retention, failing disks, forgotten series."""

from __future__ import annotations

import errno
import logging
import os

import numpy as np
import pytest

from narthex.config.types import Duration
from narthex.errors import StorageError
from narthex.model.sample import MISSING
from narthex.storage.protocol import Batch
from narthex.testing.storage_contract import T0, bits, equal, family, points_of, row, samples
from narthex_plugins.tsdb import TsdbConfig
from narthex_plugins.tsdb.sealed import PackedSlab, SealedSlab

MINUTE = 60_000


async def written_out(storage) -> None:
    """Wait until the sealing thread has done what it was asked to."""
    storage._disk._sealer.retry().result()
    storage._disk.wal.flush()


def lane_of(storage, labels, interval=1000, phase=0):
    lane = storage.open_lane(interval, phase)
    lane.extend(storage.register(labels))
    return lane


async def test_lanes_of_all_phases_share_the_rows_of_one_slab(in_memory) -> None:
    storage = in_memory()
    lanes = [lane_of(storage, family(1, lane=str(phase)), phase=phase) for phase in range(0, 1000, 100)]
    for step in range(100):
        for phase, lane in zip(range(0, 1000, 100), lanes, strict=True):
            # up to an eighth early and seven eighths late is the same slot
            storage.append(row(lane, T0 + step * 1000 + phase + (-125, 0, 874)[step * 7 % 3 if step % 2 else 1], 1.0))
    selection = storage.select([], 0, 1 << 60)
    assert len(selection.frames) == 1
    assert len(selection.points.times) == 0
    assert all(len(one) == 100 for one in samples(storage).values())


async def test_one_lane_with_a_wrong_clock_does_not_close_the_slab(in_memory) -> None:
    storage = in_memory()
    good, bad = lane_of(storage, family(1)), lane_of(storage, family(1, bad="yes"))
    for step in range(50):
        storage.append(row(good, T0 + step * 1000, 1.0))
        storage.append(row(bad, T0 + 4_000_000_000 + step * 1000, 2.0))
    assert len(storage.select([equal("bad", "")], 0, 1 << 60).frames) == 1
    assert sum(map(len, samples(storage).values())) == 100


async def test_a_jump_of_all_lanes_opens_a_new_slab(in_memory) -> None:
    storage = in_memory()
    lane = lane_of(storage, family(1))
    for step in range(20):
        storage.append(row(lane, T0 + step * 1000 + (0 if step < 10 else 86_400_000), 1.0))
    selection = storage.select([], 0, 1 << 60)
    assert len(selection.frames) == 2
    assert len(selection.points.times) == 3
    assert sum(map(len, samples(storage).values())) == 20


async def test_samples_an_hour_older_than_the_newest_are_out_of_bounds(in_memory) -> None:
    storage = in_memory()
    lane = lane_of(storage, family(1))
    ref = int(storage.register(family(1, own="yes"))[0])
    storage.append(row(lane, T0, 1.0))
    bound = T0 + 1000 - 60 * MINUTE
    result = storage.append(row(lane, T0 + 1000, 1.0, points=points_of((ref, bound - 1, 1.0), (ref, bound, 2.0))))
    assert (result.stored, result.out_of_bounds) == (2, 1)
    assert in_memory.metric("out_of_bound_samples_total") == 1


async def test_the_epoch_itself_is_a_moment_like_any_other(in_memory) -> None:
    storage = in_memory()
    lane = lane_of(storage, family(1))
    for time in (0, 1000, 2000):
        assert storage.append(row(lane, time, float(time))).stored == 1
    assert [time for time, _ in samples(storage)[family(1)[0]]] == [0, 1000, 2000]


async def test_empty_columns_take_no_room_in_files(make) -> None:
    storage = make()
    await storage.start()
    lane = lane_of(storage, family(1000))
    values = np.full(1000, MISSING)
    for step in range(120):
        values[:10] = step
        storage.append(Batch(lane, T0 + step * 1000, values))
    before = samples(storage)
    await storage.stop()
    (path,) = (make.data / "sealed").glob("slab-*")
    assert path.stat().st_size < 10 * 120 * 8 + 120 * 8 + 5000
    storage = make()
    await storage.start()
    assert samples(storage) == before
    await storage.stop()


async def test_sealed_and_open_slabs_answer_in_one_order_of_series(make) -> None:
    """So that a reader can put them one behind the other; lanes that come in another order do not disturb it."""
    storage = make()
    await storage.start()
    lanes = [lane_of(storage, family(5, lane=str(i)), phase=i) for i in range(4)]
    for step in range(300):
        for i in (0, 1, 2, 3) if step < 130 else (3, 1, 0, 2):
            storage.append(row(lanes[i], T0 + step * 1000 + i, *range(5)))
    await written_out(storage)
    frames = storage.select([], 0, 1 << 60).frames
    assert len(frames) == 3
    assert all(frame.series.tolist() == list(range(20)) for frame in frames)
    await storage.stop()


async def test_full_slabs_become_files_and_their_logs_go(make) -> None:
    storage = make()
    await storage.start()
    lane = lane_of(storage, family(2))
    for step in range(400):
        storage.append(row(lane, T0 + step * 1000, step, 1.0))
    await written_out(storage)
    assert sum(isinstance(part, SealedSlab) for part in storage._parts.all()) == 3
    assert len(list((make.data / "wal").glob("slab-*"))) == 1
    assert [time for time, _ in samples(storage)[family(2)[0]]] == [T0 + step * 1000 for step in range(400)]
    await storage.stop()


async def test_files_past_the_retention_time_are_removed_and_their_series_forgotten(make) -> None:
    config = TsdbConfig(retention=Duration(10 * MINUTE))
    storage = make(config)
    await storage.start()
    old = lane_of(storage, family(2, age="old"))
    ref = int(storage.register(family(1, age="ancient"))[0])
    for step in range(10):
        storage.append(row(old, T0 + step * 1000, 1.0, 2.0, points=points_of((ref, T0 + step, step))))
    storage._disk.seal_points(force=True)
    await make.clock.advance(9 * 60)
    lane = lane_of(storage, family(2, age="new"))
    storage.append(row(lane, int(make.clock.now() * 1000), 1.0, 2.0))
    await make.clock.advance(2 * 60)
    storage.append(row(lane, int(make.clock.now() * 1000), 1.0, 2.0))  # the newest sample tells how late it is
    await make.clock.advance(60)
    await written_out(storage)
    assert {labels["age"] for labels in samples(storage)} == {"new"}
    assert make.metric("time_retentions_total") == 2
    assert storage.label_values("age", [], 0, 1 << 60) == ["new"]
    await storage.stop()

    storage = make(config)
    await storage.start()
    assert make.metric("head_series") == 2
    assert storage.stats(5).series == 2
    again = storage.register(family(2, age="new"))
    fresh = storage.register(family(3, age="young"))
    assert len({*again.tolist(), *fresh.tolist()}) == 5
    await storage.stop()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
async def test_a_disk_that_refuses_does_not_stop_the_storage(make, monkeypatch, caplog, error: int) -> None:
    storage = make()
    await storage.start()
    lane = lane_of(storage, family(1))
    real, written = os.write, []

    def refuse(fd: int, data: bytes) -> int:
        if len(written) % 2:  # a full disk takes a part first
            raise OSError(error, os.strerror(error))
        written.append(len(data))
        return real(fd, data[: len(data) // 2]) if len(data) > 1 else real(fd, data)

    storage._disk.wal._stop.set()  # this test does the writing
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(os, "write", refuse)
        for step in range(5):
            storage.append(row(lane, T0 + step * 1000, step))
            storage._disk.wal.write()
            written.append(0)
    assert len(samples(storage)[family(1)[0]]) == 5
    (refused,) = [record for record in caplog.records if "cannot write the log" in record.message]
    assert os.strerror(error) in refused.err
    assert make.metric("wal_writes_failed_total") >= 5
    storage._disk.wal.flush()
    before = samples(storage)
    await storage.stop()
    storage = make()
    await storage.start()
    assert samples(storage) == before
    assert make.metric("wal_corruptions_total") == 0
    await storage.stop()


async def test_slabs_that_cannot_be_sealed_stay_until_they_can(make, monkeypatch, caplog) -> None:
    storage = make()
    await storage.start()
    lane = lane_of(storage, family(1))
    with monkeypatch.context() as patch:
        patch.setattr("narthex_plugins.tsdb.container.finish_file", _full_disk, raising=True)
        for step in range(300):
            storage.append(row(lane, T0 + step * 1000, step))
        await written_out(storage)
        assert not list((make.data / "sealed").iterdir())
        assert len(samples(storage)[family(1)[0]]) == 300
        packed = [part for part in storage._parts.all() if isinstance(part, PackedSlab)]
        assert len(packed) == 2
        assert sum(slab.size for slab in packed) < 4000, "raw slabs would take a hundred times as much"
    await written_out(storage)
    assert len(samples(storage)[family(1)[0]]) == 300
    assert len(list((make.data / "sealed").iterdir())) == 2
    assert sum("cannot write a file" in record.message for record in caplog.records) == 1
    await storage.stop()


async def test_the_oldest_slabs_are_given_up_when_memory_ends_too(make, monkeypatch, caplog) -> None:
    storage = make()
    await storage.start()
    lane = lane_of(storage, family(1))
    monkeypatch.setattr("narthex_plugins.tsdb.container.finish_file", _full_disk)
    monkeypatch.setattr("narthex_plugins.tsdb.sealer._MOST_BYTES", 4000)
    for step in range(1000):
        storage.append(row(lane, T0 + step * 1000, step))
    await written_out(storage)
    times = [(time - T0) // 1000 for time, _ in samples(storage)[family(1)[0]]]
    assert times == list(range(times[0], 1000))
    assert 0 < times[0] < 900
    assert "gave up a slab" in caplog.text
    monkeypatch.undo()
    await storage.stop()


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_directory_that_cannot_be_made_is_a_storage_error(make) -> None:
    make.data.parent.mkdir(exist_ok=True)
    make.data.write_text("a file")
    with pytest.raises(StorageError, match="cannot use data directory"):
        await make().start()


def test_a_share_of_the_disk_is_per_cent() -> None:
    for wrong in (-0.1, 100.1):
        problem = ("retention_percentage", "must be in the range [0, 100]")
        assert list(TsdbConfig(retention_percentage=wrong).check()) == [problem]
    assert list(TsdbConfig(retention_percentage=100.0).check()) == []


async def test_a_lane_needs_an_interval(in_memory) -> None:
    with pytest.raises(StorageError, match="interval"):
        in_memory().open_lane(0, 0)


async def test_late_samples_are_taken_within_the_window_and_stay(make) -> None:
    config = TsdbConfig(out_of_order_window=Duration(4 * 3_600_000))
    storage = make(config)
    await storage.start()
    lane = lane_of(storage, family(2))
    ref = int(storage.register(family(1))[0])
    hour = 3_600_000
    for step in range(6):
        storage.append(row(lane, T0 + step * hour, float(step), 1.0))
    newest = T0 + 5 * hour
    for late, stored, too_old in ((newest - 1, 1, 0), (newest - 4 * hour, 1, 0), (newest - 4 * hour - 1, 0, 1)):
        result = storage.append(row(lane, newest + 1000, MISSING, MISSING, points=points_of((ref, late, 7.0))))
        assert (result.stored, result.too_old, result.out_of_order) == (stored, too_old, 0)
    found = samples(storage)
    assert (newest - 1, bits(7.0)[0]) in found[family(1)[0]]
    assert make.metric("too_old_samples_total") == 1
    await storage.stop()
    storage = make(config)
    await storage.start()
    assert samples(storage) == found
    result = storage.append(
        row(lane_of(storage, family(2)), newest + 2000, 1.0, 1.0, points=points_of((ref, newest, 9.0)))
    )
    assert result.stored == 3
    await storage.stop()
