import numpy as np
import pytest

from narthex.model.histogram import Hint, parse_histogram
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING, STALE_NAN, is_stale
from narthex.storage.frames import HistogramPoints, Points
from narthex.storage.protocol import Appended, Batch
from narthex.testing.storage import MemoryStorage

A, B = Labels({"__name__": "a", "x": "1"}), Labels({"__name__": "b"})


@pytest.fixture
def filled():
    storage = MemoryStorage()
    lane = storage.open_lane(1000, 0)
    lane.extend(storage.register([A, B]))
    storage.append(Batch(lane, 1000, np.array([1.0, MISSING])))
    storage.append(Batch(lane, 2000, np.array([STALE_NAN, 2.0])))
    return storage


def test_selected_samples_are_those_of_the_window(filled):
    found = filled.select([Matcher(MatchOp.REGEX, "__name__", "a|b")], 1500, 2000)
    assert found.labels.all_labels() == [A, B]
    assert found.points.series.tolist() == [0, 1]
    assert found.points.times.tolist() == [2000, 2000]
    assert is_stale(found.points.values).tolist() == [True, False]


def test_points_are_accepted_as_prometheus_accepts_them(filled):
    refs = np.array([0, 0, 0, 0], dtype=np.int64)
    points = Points(refs, np.array([500, 1000, 1000, 3000]), np.array([1.0, 1.0, 7.0, 4.0]))
    lane = filled.open_lane(1000, 0)
    assert filled.append(Batch(lane, 3000, np.zeros(0), points)) == Appended(stored=2, duplicate=1, out_of_order=1)
    assert filled.samples(name="a")[A][-1] == (3000, 4.0)


def test_names_values_series_and_counts(filled):
    only_a = [[Matcher(MatchOp.EQUAL, "x", "1")]]
    assert filled.label_names([], 0, 3000) == ["__name__", "x"]
    assert filled.label_values("__name__", [], 0, 3000) == ["a", "b"]
    assert filled.series(only_a, 0, 3000) == [A]
    assert filled.series(only_a, 5000, 6000) == []
    assert filled.stats(1).series == 2


@pytest.mark.parametrize(("when", "width"), [(3000, 1), (2000, 2)])
def test_a_row_of_another_width_or_out_of_time_is_noticed(filled, when, width):
    with pytest.raises(AssertionError):
        filled.append(Batch(filled.lanes[0], when, np.zeros(width)))


def test_a_row_for_a_closed_lane_is_noticed(filled):
    filled.lanes[0].close()
    with pytest.raises(AssertionError, match="closed"):
        filled.append(Batch(filled.lanes[0], 3000, np.zeros(2)))


def test_a_series_that_is_added_twice_is_noticed(filled):
    with pytest.raises(AssertionError, match="twice"):
        filled.lanes[0].extend(np.array([0]))


def test_histograms_are_kept_with_what_their_neighbours_tell(filled):
    lane = filled.open_lane(1000, 0)
    one, more, fewer = (parse_histogram(f"{{{{count:{n} buckets:[{n}]}}}}") for n in (1, 2, 1))
    for when, histogram in ((3000, one), (4000, more), (5000, fewer)):
        points = HistogramPoints.of([0], [when], [histogram])
        assert filled.append(Batch(lane, when, np.zeros(0), histograms=points)).stored == 1
    found = filled.select([Matcher(MatchOp.EQUAL, "__name__", "a")], 0, 5000)
    assert found.points.times.tolist() == [1000, 2000]
    assert found.histograms.times.tolist() == [3000, 4000, 5000]
    assert [one.hint for one in found.histograms.values] == [Hint.UNKNOWN, Hint.NOT_RESET, Hint.UNKNOWN]
    assert [when for when, _ in filled.histograms(name="a")[A]] == [3000, 4000, 5000]


def test_one_time_has_one_sample_of_either_kind(filled):
    lane = filled.open_lane(1000, 0)
    one, two = (parse_histogram(f"{{{{count:{n}}}}}") for n in (1, 2))
    points = HistogramPoints.of([1, 1, 1, 1, 1], [1000, 2000, 3000, 3000, 3000], [one, one, one, two, one])
    outcome = filled.append(Batch(lane, 3000, np.zeros(0), histograms=points))
    assert outcome == Appended(stored=2, duplicate=2, out_of_order=1)


def test_start_timestamps_come_back_where_they_are_known(filled):
    lane = filled.open_lane(1000, 0)
    points = Points(np.array([0, 0]), np.array([3000, 4000]), np.array([1.0, 2.0]), np.array([500, 0]))
    held = HistogramPoints.of([1], [4000], [parse_histogram("{{}}")], [700])
    filled.append(Batch(lane, 4000, np.zeros(0), points, held))
    found = filled.select([Matcher(MatchOp.REGEX, "__name__", "a|b")], 2500, 5000)
    assert found.points.starts.tolist() == [500, 0]
    assert found.histograms.starts.tolist() == [700]
    assert filled.starts(name="a") == {A: [(3000, 500)]}
