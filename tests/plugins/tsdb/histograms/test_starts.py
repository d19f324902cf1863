"""Start timestamps of floats, beside samples that are points, rows or blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING
from narthex.storage.frames import NO_TIME, Frame, Points
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.starts import StartTimes, read_starts, starts_payload, taken_out

T0 = 1_700_000_000_000
A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})


def points(ref: int, times: list[int], starts: list[int] | None) -> Points:
    count = len(times)
    known = None if starts is None else np.array(starts)
    return Points(np.full(count, ref), np.array(times), np.arange(count, dtype=np.float64), known)


def select(storage) -> Points:
    return storage.select([Matcher(MatchOp.REGEX, "__name__", ".+")], 0, 1 << 53).points


@given(st.lists(st.sampled_from((0, 7, 8, 9)), min_size=1, max_size=20))
def test_only_changes_are_kept_and_every_sample_finds_its_own(starts: list[int]) -> None:
    times = StartTimes()
    given_points = points(3, list(range(100, 100 + len(starts))), starts)
    changes = times.note(given_points)
    assert len(changes) <= 1 + sum(one != other for one, other in pairwise(starts))
    refs = np.array([1, 3])
    plain = Points(np.ones(len(starts), np.int64), given_points.times, given_points.values)
    found = times.fill(plain, refs, np.array([1]))
    assert found.starts.tolist() == starts
    if changes:
        again = StartTimes()
        again.restore(read_starts(memoryview(starts_payload(changes))))
        assert again.places(refs).tolist() == times.places(refs).tolist() == [1]


def test_samples_without_start_behind_one_with_it_have_none() -> None:
    times = StartTimes()
    assert times.note(points(0, [1], None)) == []
    times.note(points(0, [10], [5]))
    assert times.note(points(0, [20], None)) == [(0, 20, 0)]


def test_what_concerns_old_samples_only_is_forgotten() -> None:
    times = StartTimes()
    times.note(points(0, [10, 20, 30], [1, 2, 3]))
    times.note(points(1, [10, 20, 22], [1, 4, 0]))
    assert times.prune(25) == [(0, 20, 2), (0, 30, 3)]
    times.forget(np.array([0]))
    assert not times.holds(5).any()


def test_series_with_start_timestamps_leave_the_frames() -> None:
    matrix = np.array([[1.0, 2.0, 3.0], [4.0, MISSING, 6.0]])
    columns = np.arange(3)
    frame = Frame(matrix, columns, np.array([0, 1, 2]), np.array([[10, NO_TIME], [20, 21]]), np.array([0, 0, 1]))
    (left,), (first,) = taken_out([frame], np.array([1]))
    assert (left.series.tolist(), left.columns.tolist()) == ([0, 2], [0, 2])
    assert (first.series.tolist(), first.times.tolist(), first.values.tolist()) == ([1], [10], [2.0])
    none, (rest,) = taken_out([left], np.array([0, 2]))
    assert none == []
    assert sorted(zip(rest.series.tolist(), rest.times.tolist(), strict=True)) == [(0, 10), (0, 20), (2, 21)]


@pytest.mark.parametrize("restart", [False, True])
async def test_they_come_back_after_a_restart_and_from_rows(make, restart) -> None:
    storage = make()
    await storage.start()
    refs = storage.register([A, B])
    lane = storage.open_lane(1000, 0)
    lane.extend(refs)
    storage.append(Batch(lane, T0, np.array([MISSING, 5.0]), points(int(refs[0]), [T0], [T0 - 9])))
    storage.append(Batch(lane, T0 + 1000, np.array([MISSING, 6.0]), points(int(refs[0]), [T0 + 1000], [T0 - 9])))
    if restart:
        await storage.stop()
        storage = make()
        await storage.start()
    found = select(storage)
    assert found.starts.tolist() == [T0 - 9] * 2
    assert found.times.tolist() == [T0, T0 + 1000]
    assert len(storage.select([Matcher(MatchOp.EQUAL, "__name__", "b")], 0, 1 << 53).frames) == 1
    assert select(storage).values.tolist() == [0.0, 0.0]
    await storage.stop()


async def test_a_torn_log_of_them_is_good_up_to_its_damage(make) -> None:
    for part in range(2):
        storage = make()
        await storage.start()
        (ref,) = storage.register([A]).tolist()
        lane = storage.open_lane(1000, 0)
        when = T0 + part * 1000
        storage.append(Batch(lane, when, np.zeros(0), points(ref, [when], [T0 - 9 - part])))
        await storage.stop()
    log = make.data / "histograms" / "starts.log"
    log.write_bytes(log.read_bytes()[:-3])
    storage = make()
    await storage.start()
    assert select(storage).starts.tolist() == [T0 - 9] * 2
    assert make.metric("wal_corruptions_total") == 1
    await storage.stop()
