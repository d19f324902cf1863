"""Counter resets, and the hints that storages keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from tests.core.model.histogram.strategies import any_histogram

from narthex.model.histogram import (
    STALE_HISTOGRAM,
    Hint,
    Histogram,
    add,
    parse_histogram,
    reduce_to,
    was_reset,
    with_stored_hint,
)


def h(text: str) -> Histogram:
    return parse_histogram("{{" + text + "}}")


@given(any_histogram)
def test_a_counter_that_stands_still_or_grows_was_not_reset(histogram: Histogram) -> None:
    assert not was_reset(histogram, histogram)
    assert not was_reset(histogram, add(histogram, histogram).value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("count:3 buckets:[3]", "count:2 buckets:[2]"),
        ("count:3 buckets:[1 2]", "count:3 buckets:[2 1]"),
        ("count:3 buckets:[1 2]", "count:3 buckets:[3]"),
        ("count:3 buckets:[1 2]", "count:3"),
        ("count:3 z_bucket:3", "count:3 z_bucket:2 buckets:[1]"),
        ("count:1 schema:0 buckets:[1]", "count:2 schema:1 buckets:[2]"),
        ("count:1 z_bucket_w:0.5 z_bucket:1", "count:1 z_bucket_w:0.1 z_bucket:1"),
        ("count:1 buckets:[1]", "count:1 z_bucket_w:0.75 z_bucket:1"),
        ("count:1 buckets:[1]", "count:1 schema:-53 custom_values:[1] buckets:[1]"),
        (
            "schema:-53 count:3 custom_values:[2 4] buckets:[1 2]",
            "schema:-53 count:3 custom_values:[2 3 4] buckets:[1 1 0 1]",
        ),
        ("count:3 n_buckets:[3]", "count:3 n_buckets:[2] buckets:[1]"),
    ],
)
def test_anything_that_fell_is_a_reset(before: str, after: str) -> None:
    assert was_reset(h(before), h(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("count:3 buckets:[1 0 2]", "count:3 buckets:[1 0 2]"),
        ("count:3 buckets:[1 0 2]", "count:4 buckets:[1 1 2]"),
        ("count:3 schema:1 buckets:[1 1 1]", "count:3 schema:0 buckets:[1 2]"),
        ("count:3 buckets:[1 2]", "count:3 z_bucket_w:2 z_bucket:3"),
        ("schema:-53 count:3 custom_values:[2 4] buckets:[1 2]", "schema:-53 count:3 custom_values:[4] buckets:[3]"),
    ],
)
def test_coarser_views_of_the_same_are_no_reset(before: str, after: str) -> None:
    assert not was_reset(h(before), h(after))


def test_a_hint_is_believed() -> None:
    one, more = h("count:1 buckets:[1]"), h("count:2 buckets:[2]")
    assert was_reset(one, more.with_hint(Hint.RESET))
    assert not was_reset(more, one.with_hint(Hint.NOT_RESET))
    assert was_reset(more, one.with_hint(Hint.GAUGE))


def test_the_hints_a_storage_keeps() -> None:
    one, more = h("count:1 buckets:[1]"), h("count:2 buckets:[2]")
    assert with_stored_hint(None, one).hint is Hint.UNKNOWN
    assert with_stored_hint(one, more).hint is Hint.NOT_RESET
    assert with_stored_hint(more, one).hint is Hint.UNKNOWN
    assert with_stored_hint(one, reduce_to(more, -1)).hint is Hint.UNKNOWN
    assert with_stored_hint(one.with_hint(Hint.GAUGE), more).hint is Hint.UNKNOWN
    assert with_stored_hint(one, more.with_hint(Hint.GAUGE)).hint is Hint.GAUGE
    assert with_stored_hint(STALE_HISTOGRAM, more).hint is Hint.UNKNOWN
    assert with_stored_hint(one, STALE_HISTOGRAM) is STALE_HISTOGRAM
