"""Sums and differences of histograms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import any_histogram, customs, exponentials

from narthex.model.histogram import (
    Hint,
    Histogram,
    IncompatibleHistogramsError,
    add,
    divide,
    format_histogram,
    joined_hint,
    negate,
    parse_histogram,
    same,
    scale,
    subtract,
    total,
)

PAIRS = st.one_of(st.tuples(exponentials(), exponentials()), st.tuples(customs(), customs()))


def h(text: str) -> Histogram:
    return parse_histogram("{{" + text + "}}")


def buckets_total(one: Histogram) -> float:
    return float(one.zero_count + one.positive.counts.sum() + one.negative.counts.sum())


@given(PAIRS)
def test_addition_is_commutative_and_loses_no_observation(pair: tuple[Histogram, Histogram]) -> None:
    one, other = pair
    there, back = add(one, other), add(other, one)
    assert same(there.value, back.value)
    assert buckets_total(there.value) == buckets_total(one) + buckets_total(other)
    assert there.value.count == one.count + other.count


@given(PAIRS)
def test_what_was_added_can_be_taken_away(pair: tuple[Histogram, Histogram]) -> None:
    one, other = pair
    back = subtract(add(one, other).value, other).value
    assert (back.count, back.sum, buckets_total(back)) == (one.count, one.sum, buckets_total(one))
    assert back.hint is Hint.GAUGE


LISTS = st.one_of(
    # of one schema: a sum on the way is as coarse as its parts, and its zero bucket may have to grow wider
    *(st.lists(exponentials((schema,)), min_size=1, max_size=5) for schema in (0, 2)),
    st.lists(customs(), min_size=1, max_size=5),
)


@given(LISTS)
def test_a_total_is_what_adding_one_by_one_gives(histograms: list[Histogram]) -> None:
    expected, reconciled = histograms[0], False
    for one in histograms[1:]:
        step = add(expected, one)
        expected, reconciled = step.value, reconciled or step.reconciled
    found = total(histograms)
    assert same(found.value, expected)
    assert found.reconciled == reconciled


@given(any_histogram, st.sampled_from((0.5, 2.0, 4.0)))
def test_scaling_is_undone_by_dividing(one: Histogram, factor: float) -> None:
    assert same(divide(scale(one, factor), factor), one)
    assert same(negate(negate(one)), one)


def test_a_difference_in_the_coarser_schema_and_the_wider_zero_bucket() -> None:
    fine = h("schema:1 count:6 sum:8 z_bucket:1 z_bucket_w:0.001 buckets:[1 2 2] offset:-3")
    coarse = h("schema:0 count:9 sum:20 z_bucket:3 z_bucket_w:0.5 buckets:[6] offset:1")
    found = add(fine, coarse).value
    # 2^-2 … 2^-1 lies below 0.5 and goes into the zero bucket
    assert format_histogram(found) == "{{count:15 sum:28 z_bucket:7 z_bucket_w:0.5 buckets:[2 6]}}"


def test_custom_bounds_are_reconciled_and_it_is_said() -> None:
    one = h("schema:-53 count:6 sum:6 custom_values:[2 4 6] buckets:[1 2 3]")
    other = h("schema:-53 count:4 sum:4 custom_values:[2 3 6] buckets:[1 1 1 1]")
    found = add(one, other)
    assert found.reconciled
    assert format_histogram(found.value) == "{{schema:-53 count:10 sum:10 custom_values:[2 6] buckets:[2 7 1]}}"
    assert not add(one, one).reconciled


def test_exponential_and_custom_buckets_do_not_mix() -> None:
    one, other = h("buckets:[1]"), h("schema:-53 custom_values:[5] buckets:[1]")
    for combine in (add, subtract):
        with pytest.raises(IncompatibleHistogramsError):
            combine(one, other)
    for both in ([one, other], [other, one]):
        with pytest.raises(IncompatibleHistogramsError):
            total(both)


@pytest.mark.parametrize(
    ("one", "other", "joined", "collides"),
    [
        (Hint.RESET, Hint.RESET, Hint.RESET, False),
        (Hint.GAUGE, Hint.RESET, Hint.GAUGE, False),
        (Hint.NOT_RESET, Hint.GAUGE, Hint.GAUGE, False),
        (Hint.UNKNOWN, Hint.NOT_RESET, Hint.UNKNOWN, False),
        (Hint.RESET, Hint.NOT_RESET, Hint.UNKNOWN, True),
    ],
)
def test_hints_of_a_sum(one: Hint, other: Hint, joined: Hint, collides: bool) -> None:
    assert joined_hint(one, other) == joined_hint(other, one) == (joined, collides)
    found = total([Histogram(hint=one), Histogram(hint=other)])
    assert (found.value.hint, found.collision) == (joined, collides)


def test_negative_factors_make_gauges() -> None:
    counter = h("count:2 buckets:[2] counter_reset_hint:not_reset")
    assert scale(counter, 3).hint is Hint.NOT_RESET
    assert scale(counter, -3).hint is divide(counter, -3).hint is negate(counter).hint is Hint.GAUGE


def test_division_by_zero_leaves_no_buckets() -> None:
    found = divide(h("count:2 sum:-3 buckets:[2]"), 0)
    assert (found.count, found.sum, found.bucket_count) == (math.inf, -math.inf, 0)
    assert math.isnan(found.zero_count)


def test_a_total_of_infinities_is_not_a_number() -> None:
    assert math.isnan(total([Histogram(sum=math.inf), Histogram(sum=-math.inf)]).value.sum)
