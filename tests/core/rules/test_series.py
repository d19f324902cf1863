"""The writer of one rule's series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.histogram import parse_histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.sample import STALE_NAN_BITS
from narthex.rules.series import SeriesWriter, write_stale
from narthex.testing.storage import MemoryStorage


def table(*names):
    return LabelTable.of([{"__name__": "r", "a": name} for name in names])


def values(*numbers):
    return np.array(numbers, dtype=np.float64)


def stored(storage, name):
    """Samples of one series; ``stale`` where it ended."""
    found = storage.samples(a=name)
    return {
        when: "stale" if int(np.float64(value).view(np.int64)) == STALE_NAN_BITS else value
        for samples in found.values()
        for when, value in samples
    }


@pytest.fixture
def storage():
    return MemoryStorage()


@pytest.fixture
def writer(storage):
    return SeriesWriter(storage, 1000, 0)


def test_series_that_is_missing_ends_once_and_may_come_back(storage, writer):
    writer.write(table("x", "y"), values(1, 2), 1000)
    writer.write(table("y"), values(3), 2000)
    writer.write(table("y"), values(4), 3000)
    writer.write(table("y", "x"), values(5, 6), 4000)
    assert stored(storage, "x") == {1000: 1.0, 2000: "stale", 4000: 6.0}
    assert stored(storage, "y") == {1000: 2.0, 2000: 3.0, 3000: 4.0, 4000: 5.0}


def test_empty_result_ends_everything_and_then_writes_nothing(storage, writer):
    writer.write(table("x"), values(1), 1000)
    writer.write(table(), values(), 2000)
    writer.write(table(), values(), 3000)
    assert stored(storage, "x") == {1000: 1.0, 2000: "stale"}
    assert len(storage.batches) == 2


def test_unchanged_result_decodes_no_labels(writer, monkeypatch):
    writer.write(table("x", "y"), values(1, 2), 1000)
    monkeypatch.setattr(LabelTable, "all_labels", lambda _: pytest.fail("labels were decoded"))
    writer.write(table("x", "y"), values(3, 4), 2000)


def test_same_codes_over_another_dictionary_are_other_series(storage, writer):
    writer.write(table("x"), values(1), 1000)
    writer.write(table("y"), values(2), 2000)
    assert stored(storage, "x") == {1000: 1.0, 2000: "stale"}
    assert stored(storage, "y") == {2000: 2.0}


def test_one_lane_serves_until_most_of_it_has_ended(storage, writer):
    for step in range(1, 200):
        writer.write(table(f"s{step}", "steady"), values(step, step), step * 1000)
    assert 1 < len(storage.lanes) < 10
    assert [lane.closed for lane in storage.lanes] == [True] * (len(storage.lanes) - 1) + [False]
    assert len(stored(storage, "steady")) == 199
    assert all(
        stored(storage, f"s{step}") == {step * 1000: step, step * 1000 + 1000: "stale"} for step in range(1, 199)
    )


def test_time_that_does_not_advance_is_refused(storage, writer):
    writer.write(table("x"), values(1), 2000)
    assert writer.write(table("x"), values(2), 1000).out_of_order == 1
    assert stored(storage, "x") == {2000: 1.0}


def test_successor_ends_what_does_not_come_back(storage, writer):
    writer.write(table("x", "y"), values(1, 2), 1000)
    successor = SeriesWriter(storage, 1000, 500)
    successor.adopt(writer)
    successor.write(table("y", "z"), values(3, 4), 2500)
    assert stored(storage, "x") == {1000: 1.0, 2500: "stale"}
    assert stored(storage, "y") == {1000: 2.0, 2500: 3.0}
    assert writer.live == []
    assert {one["a"] for one in successor.live} == {"y", "z"}


def test_series_of_a_rule_that_is_gone_are_ended(storage, writer):
    writer.write(table("x"), values(1), 1000)
    live = writer.live
    writer.close()
    write_stale(storage, live, 1000, 5000)
    assert stored(storage, "x") == {1000: 1.0, 5000: "stale"}
    write_stale(storage, [], 1000, 6000)
    assert len(storage.batches) == 2


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=12))
def test_every_result_is_stored_and_every_end_marked_exactly_once(results):
    storage = MemoryStorage()
    writer = SeriesWriter(storage, 1000, 0)
    expected: dict[str, dict[int, object]] = {name: {} for name in "abcdefgh"}
    before: list[str] = []
    for step, names in enumerate(results, 1):
        writer.write(table(*names), np.arange(len(names), dtype=np.float64), step)
        for name in set(before) - set(names):
            expected[name][step] = "stale"
        for value, name in enumerate(names):
            expected[name][step] = float(value)
        before = names
        assert writer.live == [Labels({"__name__": "r", "a": name}) for name in names]
    assert {name: stored(storage, name) for name in expected} == expected


def test_a_series_may_be_a_number_or_a_histogram(storage, writer):
    one = parse_histogram("{{count:3 sum:4 buckets:[3]}}")
    writer.write(table("x", "y"), values(1, 0), 1000, histograms=np.array([None, one], dtype=np.object_))
    writer.write(table("x", "y"), values(0, 5), 2000, histograms=np.array([one, None], dtype=np.object_))
    writer.write(table("x"), values(6), 3000)
    x, y = (Labels({"__name__": "r", "a": name}) for name in "xy")
    assert {labels: [when for when, _ in run] for labels, run in storage.histograms().items()} == {y: [1000], x: [2000]}
    assert stored(storage, "x") == {1000: 1.0, 3000: 6.0}
    assert stored(storage, "y") == {2000: 5.0, 3000: "stale"}
