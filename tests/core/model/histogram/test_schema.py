"""Bounds of buckets, and coarser views."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import customs, exponentials

from narthex.model.histogram import Histogram, reduce_to, upper_bound, upper_bounds, widen_zero
from narthex.model.histogram.custom import common_bounds, with_bounds


@given(st.integers(-4, 8), st.integers(-2000, 2000))
def test_a_bound_is_a_power_of_the_base(schema: int, index: int) -> None:
    exponent = index / 2.0**schema
    assume(abs(exponent) < 1000)
    assert upper_bound(index, schema) == pytest.approx(2.0**exponent, rel=1e-14)


@pytest.mark.parametrize("schema", range(-4, 9))
def test_the_highest_finite_bucket_ends_at_the_greatest_float(schema: int) -> None:
    last = int(1024 * 2.0**schema)
    assert upper_bound(last, schema) == sys.float_info.max
    assert upper_bound(last + 1, schema) == math.inf
    assert upper_bound(last - 1, schema) < sys.float_info.max


@given(st.integers(-3, 8), st.integers(-500, 500))
def test_every_second_bound_is_the_coarser_schemas_to_the_bit(schema: int, index: int) -> None:
    indices = np.array([index], dtype=np.int32)
    assert upper_bounds(indices * 2, schema)[0] == upper_bounds(indices, schema - 1)[0]


@given(exponentials(), st.integers(-4, 8))
def test_reduction_keeps_counts_and_the_order_of_buckets(histogram: Histogram, schema: int) -> None:
    assume(schema <= histogram.schema)
    found = reduce_to(histogram, schema)
    for before, after in ((histogram.positive, found.positive), (histogram.negative, found.negative)):
        assert after.counts.sum() == before.counts.sum()
        assert (np.diff(after.index) > 0).all()
        assert after.index.dtype == np.int32


@given(exponentials())
def test_reduction_in_steps_is_reduction_at_once(histogram: Histogram) -> None:
    assume(histogram.schema > -4)
    stepwise = histogram
    for schema in range(histogram.schema - 1, -5, -1):
        stepwise = reduce_to(stepwise, schema)
    at_once = reduce_to(histogram, -4)
    assert list(stepwise.positive.pairs()) == list(at_once.positive.pairs())


def test_a_finer_schema_cannot_be_had() -> None:
    with pytest.raises(ValueError, match="cannot be shown"):
        reduce_to(Histogram(schema=0), 1)


@given(exponentials(), st.sampled_from((0.0, 0.25, 1.0, 5.0, 1e9)))
def test_a_wider_zero_bucket_takes_in_whole_buckets(histogram: Histogram, threshold: float) -> None:
    found = widen_zero(histogram, threshold)
    assert found.zero_threshold >= max(threshold, histogram.zero_threshold)
    before, after = (
        one.zero_count + one.positive.counts.sum() + one.negative.counts.sum() for one in (histogram, found)
    )
    assert before == after
    if found is not histogram:
        for side in (found.positive.compact(), found.negative.compact()):
            assert (upper_bounds(side.index - 1, found.schema) >= found.zero_threshold).all()


@given(customs(), customs())
def test_fewer_bounds_keep_counts(one: Histogram, other: Histogram) -> None:
    bounds = common_bounds(one.bounds, other.bounds)
    found = with_bounds(one, bounds)
    assert found.positive.counts.sum() == one.positive.counts.sum()
    assert found.bounds == bounds
    assert found.positive.index.max(initial=0) <= len(bounds)
