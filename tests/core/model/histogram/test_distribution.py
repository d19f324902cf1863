"""Quantiles, fractions, moments and trims agree with each other and with the simplest definitions."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import any_histogram, exponentials

from narthex.model.histogram import (
    Histogram,
    NanEffect,
    average,
    fraction,
    has_nan_observations,
    parse_histogram,
    quantile,
    same,
    standard_deviation,
    trim_lower,
    trim_upper,
    variance,
)

POINTS = st.floats(-50, 50)


def h(text: str) -> Histogram:
    return parse_histogram("{{" + text + "}}")


@given(exponentials(), st.floats(0.01, 0.99))
def test_a_fraction_undoes_a_quantile(histogram: Histogram, q: float) -> None:
    assume(histogram.count > 0)
    found = quantile(histogram, q).value
    assume(found != 0)  # at zero the interval that counts as below depends on where zero itself belongs
    assert fraction(histogram, -math.inf, found) == pytest.approx(q, abs=1e-6)


@given(any_histogram, POINTS)
def test_both_parts_of_a_distribution_are_the_whole(histogram: Histogram, point: float) -> None:
    assume(histogram.count > 0)
    assume(not histogram.custom or histogram.bounds)
    parts = (fraction(histogram, -math.inf, point), fraction(histogram, point, math.inf))
    assert sum(parts) == pytest.approx(1.0)
    assume(histogram.zero_threshold > 0 or point != 0)
    assume(not histogram.custom or point >= 0)  # a trim below zero drops the bucket that has no lower bound
    kept = (trim_upper(histogram, point).count, trim_lower(histogram, point).count)
    assert kept == pytest.approx(tuple(part * histogram.count for part in parts), abs=1e-6)


@given(any_histogram)
def test_trimming_nothing_changes_nothing(histogram: Histogram) -> None:
    assert same(trim_upper(histogram, math.inf), histogram)
    assert same(trim_lower(histogram, -math.inf), histogram)


@given(any_histogram, POINTS)
def test_a_trim_is_stable(histogram: Histogram, point: float) -> None:
    once = trim_upper(histogram, point)
    assert once.count == pytest.approx(float(once.zero_count + once.positive.counts.sum() + once.negative.counts.sum()))
    assert once.count <= histogram.count


@given(any_histogram)
def test_quantiles_grow(histogram: Histogram) -> None:
    assume(histogram.count > 0)
    found = [quantile(histogram, q / 10).value for q in range(11)]
    assert all(low <= high + 1e-9 * abs(high) for low, high in pairwise(found))


def test_quantiles_out_of_range() -> None:
    some = h("count:4 buckets:[4]")
    assert [quantile(some, q).value for q in (-0.1, 1.1)] == [-math.inf, math.inf]
    assert math.isnan(quantile(some, math.nan).value)
    assert math.isnan(quantile(Histogram(), 0.5).value)
    assert math.isnan(fraction(Histogram(), 0, 1))


def test_observations_of_nan_push_quantiles_up() -> None:
    some = h("count:15 sum:NaN buckets:[12]")
    assert has_nan_observations(some)
    assert quantile(some, 0.8).nan_effect is NanEffect.SKEWED
    assert quantile(some, 0.8).value == 1
    assert quantile(some, 0.81).nan_effect is NanEffect.NAN
    assert math.isnan(quantile(some, 0.81).value)
    assert fraction(some, -math.inf, math.inf) == pytest.approx(0.8)


def test_a_sum_that_is_nan_because_of_infinities_is_no_nan_observation() -> None:
    assert not has_nan_observations(h("count:12 sum:NaN buckets:[12]"))
    assert quantile(h("count:12 sum:NaN buckets:[12]"), 0.5).nan_effect is NanEffect.NONE


def test_moments_of_observations_that_are_all_alike() -> None:
    some = h("schema:8 count:10 sum:10 buckets:[10]")
    assert average(some) == 1
    assert standard_deviation(some) == pytest.approx(0.0, abs=0.01)
    assert variance(some) == pytest.approx(standard_deviation(some) ** 2)
    assert math.isnan(variance(Histogram()))
    assert math.isnan(average(Histogram()))


def test_an_infinite_sum_has_an_infinite_deviation() -> None:
    assert standard_deviation(h("schema:3 count:7 sum:Inf buckets:[7]")) == math.inf
