"""The ring of exemplars."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.exemplars import ExemplarRing, StoredExemplar

A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})
ALL = [[Matcher(MatchOp.REGEX, "__name__", ".+")]]


def exemplar(time: int, value: float = 1.0, **labels: str) -> StoredExemplar:
    return StoredExemplar(Labels(labels or {"id": str(time)}), value, time)


def test_they_are_found_by_series_and_time() -> None:
    ring = ExemplarRing(10)
    for series, time in ((B, 1), (A, 2), (A, 5), (B, 9)):
        assert ring.add(series, exemplar(time))
    assert ring.select(ALL, 2, 5) == [(A, [exemplar(2), exemplar(5)])]
    assert ring.select([[Matcher(MatchOp.EQUAL, "__name__", "b")]], 0, 100) == [(B, [exemplar(1), exemplar(9)])]
    assert ring.select([], 0, 100) == []


def test_a_repeat_is_no_news_and_an_older_one_is_refused() -> None:
    ring = ExemplarRing(10)
    assert ring.add(A, exemplar(5))
    assert ring.add(A, exemplar(5))
    assert not ring.add(A, exemplar(4))
    assert not ring.add(A, exemplar(5, id="other"))
    assert ring.add(A, exemplar(5, 2.0))
    assert len(ring) == 2


def test_labels_that_are_too_long_are_left_out() -> None:
    ring = ExemplarRing(10)
    ring.add(A, exemplar(1, a="x" * 127))
    ring.add(A, exemplar(2, a="x" * 128))
    assert [one.time for _, found in ring.select(ALL, 0, 9) for one in found] == [1]


def test_a_smaller_ring_keeps_the_newest_and_none_keeps_nothing() -> None:
    ring = ExemplarRing(10)
    for time in range(5):
        ring.add((A, B)[time % 2], exemplar(time))
    ring.resize(2)
    assert ring.select(ALL, 0, 9) == [(A, [exemplar(4)]), (B, [exemplar(3)])]
    ring.resize(0)
    assert ring.add(A, exemplar(9))
    assert ring.select(ALL, 0, 9) == []


@given(st.integers(1, 5), st.lists(st.sampled_from((A, B)), max_size=30))
def test_the_newest_of_all_stay(capacity: int, series: list[Labels]) -> None:
    ring = ExemplarRing(capacity)
    expected: deque[tuple[Labels, StoredExemplar]] = deque(maxlen=capacity)
    for time, one in enumerate(series):
        ring.add(one, exemplar(time))
        expected.append((one, exemplar(time)))
    found = [(one, kept) for one, several in ring.select(ALL, 0, 100) for kept in several]
    assert sorted(found, key=lambda pair: pair[1].time) == list(expected)
