"""Histograms in the database's memory: what is taken, what comes back, across the steps from objects to columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import any_histogram

from narthex.config.types import Duration
from narthex.model.histogram import Hint, Histogram, parse_histogram, same
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING
from narthex.storage.frames import HistogramPoints, Points
from narthex.storage.protocol import Appended, Batch
from narthex_plugins.tsdb import TsdbConfig
from narthex_plugins.tsdb.histograms import store as store_module
from narthex_plugins.tsdb.histograms.columns import columns_of_samples
from narthex_plugins.tsdb.histograms.layout import layouts_from_bytes, layouts_to_bytes

T0 = 1_700_000_000_000
A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})


def counting(n: float) -> Histogram:
    return parse_histogram(f"{{{{count:{n} sum:{n} buckets:[{n}]}}}}")


def points(*entries: tuple[int, int, Histogram]) -> HistogramPoints:
    refs, times, values = zip(*entries, strict=True)
    return HistogramPoints.of(refs, times, values)


def everything(storage) -> HistogramPoints:
    return storage.select([Matcher(MatchOp.REGEX, "__name__", ".+")], 0, 1 << 53).histograms


@pytest.fixture
def storage(in_memory):
    return in_memory()


@pytest.mark.parametrize("tail", [1, 3, 1000])
def test_samples_come_back_sorted_whatever_form_they_have(storage, monkeypatch, tail) -> None:
    monkeypatch.setattr(store_module, "TAIL", tail)
    refs = storage.register([A, B]).tolist()
    lane = storage.open_lane(1000, 0)
    for i in range(7):
        when = T0 + i * 1000
        held = points((refs[1], when, counting(i)), (refs[0], when, counting(2 * i)))
        assert storage.append(Batch(lane, when, np.zeros(0), histograms=held)) == Appended(stored=2)
    found = everything(storage)
    assert found.series.tolist() == [0] * 7 + [1] * 7
    assert found.times.tolist() == [T0 + i * 1000 for i in range(7)] * 2
    assert [one.count for one in found.values] == [float(n * i) for n in (2, 1) for i in range(7)]
    assert [one.hint for one in found.values[:7]] == [Hint.UNKNOWN] + [Hint.NOT_RESET] * 6
    some = storage.select([Matcher(MatchOp.EQUAL, "__name__", "b")], T0 + 2000, T0 + 3000).histograms
    assert (some.series.tolist(), some.times.tolist()) == ([0, 0], [T0 + 2000, T0 + 3000])


def test_repeats_and_late_ones_are_judged_as_floats_are(storage) -> None:
    (ref,) = storage.register([A]).tolist()
    lane = storage.open_lane(1000, 0)
    held = points(
        (ref, T0, counting(1)),
        (ref, T0, counting(1)),
        (ref, T0, counting(2)),
        (ref, T0 - 1, counting(1)),
        (ref, T0 - 7_200_000, counting(1)),
    )
    lane.extend(storage.register([B]))
    storage.append(Batch(lane, T0, np.zeros(1)))
    outcome = storage.append(Batch(lane, T0 + 1000, np.zeros(1), histograms=held))
    assert outcome == Appended(stored=3, duplicate=1, out_of_order=1, out_of_bounds=1)


def test_a_series_may_change_its_kind(storage) -> None:
    refs = storage.register([A])
    lane = storage.open_lane(1000, 0)
    lane.extend(refs)
    ref = int(refs[0])
    storage.append(Batch(lane, T0, np.array([1.0])))
    for i in (1, 2):
        held = points((ref, T0 + i * 1000, counting(i)))
        storage.append(Batch(lane, T0 + i * 1000, np.array([MISSING]), histograms=held))
    storage.append(Batch(lane, T0 + 3000, np.array([4.0])))
    last = points((ref, T0 + 3000, counting(4)), (ref, T0 + 2500, counting(4)), (ref, T0 + 4000, counting(9)))
    outcome = storage.append(Batch(lane, T0 + 4000, np.array([MISSING]), histograms=last))
    assert outcome == Appended(stored=1, duplicate=1, out_of_order=1)
    found = everything(storage)
    assert found.times.tolist() == [T0 + 1000, T0 + 2000, T0 + 4000]
    # behind a float nothing is known of resets
    assert [one.hint for one in found.values] == [Hint.UNKNOWN, Hint.NOT_RESET, Hint.UNKNOWN]


def test_a_late_float_behind_histograms_does_not_disturb(storage) -> None:
    refs = storage.register([A])
    lane = storage.open_lane(1000, 0)
    storage.append(Batch(lane, T0, np.zeros(0), histograms=points((int(refs[0]), T0, counting(1)))))
    storage.append(Batch(lane, T0 + 1000, np.zeros(0), Points(refs, np.array([T0 + 500]), np.array([3.0]))))
    assert everything(storage).times.tolist() == [T0]


def test_a_float_is_judged_by_the_histogram_before_it(storage) -> None:
    refs = storage.register([A])
    lane = storage.open_lane(1000, 0)
    storage.append(Batch(lane, T0, np.zeros(0), histograms=points((int(refs[0]), T0, counting(1)))))
    late = Points(refs.repeat(3), np.array([T0, T0 - 1, T0 + 1]), np.array([1.0, 2.0, 3.0]))
    assert storage.append(Batch(lane, T0 + 1000, np.zeros(0), late)) == Appended(1, duplicate=1, out_of_order=1)


def test_late_ones_within_the_window_are_taken_as_floats_are(in_memory) -> None:
    storage = in_memory(TsdbConfig(out_of_order_window=Duration(10_000)))
    refs = storage.register([A, B])
    lane = storage.open_lane(1000, 0)
    outcomes = []
    for when in (T0, T0 - 3000, T0 - 3000, T0 - 10_001, T0):
        held = points((int(refs[0]), when, counting(when % 7 + 1)))
        own = Points(refs[1:], np.array([when]), np.array([when % 7 + 1.0]))
        outcomes.append(storage.append(Batch(lane, T0, np.zeros(0), own, held)))
    twice = [Appended(2), Appended(2), Appended(2), Appended(too_old=2), Appended(2)]
    assert outcomes == twice, "both kinds are judged alike"
    assert everything(storage).times.tolist() == [T0 - 3000, T0]
    assert [one.hint for one in everything(storage).values] == [Hint.UNKNOWN, Hint.UNKNOWN]


def test_listings_know_series_that_hold_histograms_only(storage) -> None:
    refs = storage.register([A, B])
    lane = storage.open_lane(1000, 0)
    storage.append(Batch(lane, T0, np.zeros(0), histograms=points((int(refs[1]), T0, counting(1)))))
    assert storage.series([], 0, T0) == [B]
    assert storage.label_values("__name__", [], 0, T0) == ["b"]


def test_samples_of_a_series_share_their_bucket_indices(storage) -> None:
    refs = storage.register([A])
    lane = storage.open_lane(1000, 0)
    for i in range(3):
        held = points((int(refs[0]), T0 + i * 1000, counting(i + 1)))
        storage.append(Batch(lane, T0 + i * 1000, np.zeros(0), histograms=held))
    found = everything(storage).values
    assert found[0].positive.index is found[1].positive.index is found[2].positive.index


@given(st.lists(any_histogram, min_size=1, max_size=10))
def test_columns_give_back_what_was_put_in(histograms: list[Histogram]) -> None:
    columns = columns_of_samples([(i, T0 + i, 0, one) for i, one in enumerate(histograms)])
    assert all(map(same, columns.histograms(np.arange(len(histograms))), histograms))
    (last,) = columns.histograms(np.array([len(histograms) - 1]))
    assert same(last, histograms[-1])
    again = layouts_from_bytes(layouts_to_bytes(columns.layouts))
    assert [one.width for one in again] == [one.width for one in columns.layouts]
    assert [one.bounds for one in again] == [one.bounds for one in columns.layouts]
