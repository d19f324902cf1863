from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from tests.core.model.histogram import strategies

from narthex.model.histogram import STALE_HISTOGRAM, Buckets, Histogram, fault_of, from_classic

RIGHT = Histogram(2, 0.1, 3.0, 10.0, 5.5, Buckets.of([(-3, 2.0), (4, 1.0)]), Buckets.of([(0, 4.0)]))
CUSTOM = Histogram(-53, count=6, sum=2.0, positive=Buckets.of([(0, 1.0), (3, 5.0)]), bounds=(-math.inf, 0.5, 1.0))


def test_right_ones_are_right() -> None:
    for one in (RIGHT, CUSTOM, STALE_HISTOGRAM, Histogram(), from_classic({1.0: 3.0, math.inf: 4.0}, 4.0, 2.0)):
        assert fault_of(one) == ""


@given(strategies.any_histogram)
def test_whatever_was_counted_is_right(histogram: Histogram) -> None:
    assert fault_of(histogram) == ""


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (replace(RIGHT, schema=9), "schema 9"),
        (replace(RIGHT, schema=-5), "schema -5"),
        (replace(RIGHT, bounds=(1.0,)), "custom bounds"),
        (replace(RIGHT, zero_threshold=-1.0), "zero threshold"),
        (replace(RIGHT, zero_threshold=math.nan), "zero threshold"),
        (replace(RIGHT, positive=Buckets.of([(4, 1.0), (4, 2.0)])), "out of order"),
        (replace(RIGHT, negative=Buckets.of([(0, -4.0)])), "negative count"),
        (replace(RIGHT, positive=Buckets.of([(0, math.nan)])), "negative count"),
        (replace(RIGHT, zero_count=-3.0), "negative count"),
        (replace(RIGHT, count=-1.0), "a count of -1"),
        (replace(RIGHT, count=math.nan), "a count of nan"),
        (replace(RIGHT, count=11.0), "10 observations in buckets, but a count of 11"),
        (replace(RIGHT, count=9.0), "but a count of 9"),
        (replace(RIGHT, count=9.0, sum=math.nan), "but a count of 9"),
        (replace(CUSTOM, bounds=(1.0, 0.5, 2.0)), "do not ascend"),
        (replace(CUSTOM, bounds=(0.5, 0.5, 2.0)), "do not ascend"),
        (replace(CUSTOM, bounds=(0.5, 1.0, math.inf)), "NaN or +Inf"),
        (replace(CUSTOM, bounds=(0.5, math.nan, 2.0)), "NaN or +Inf"),
        (replace(CUSTOM, bounds=(0.5, 1.0)), "2 custom bounds for bucket 3"),
        (replace(CUSTOM, zero_count=1.0), "zero bucket"),
        (replace(CUSTOM, zero_threshold=1.0), "zero bucket"),
        (replace(CUSTOM, negative=Buckets.of([(0, 1.0)])), "negative side"),
        (replace(CUSTOM, positive=Buckets.of([(-1, 6.0)])), "bucket -1"),
    ],
)
def test_wrong_ones_are_told(wrong: Histogram, why: str) -> None:
    assert why in fault_of(wrong)


def test_observations_that_are_nan_are_in_no_bucket() -> None:
    assert fault_of(replace(RIGHT, count=12.0, sum=math.nan)) == ""


def test_counts_that_are_no_whole_numbers_need_not_add_up() -> None:
    assert fault_of(replace(RIGHT, count=10.25)) == ""
    assert fault_of(replace(RIGHT, zero_count=3.5)) == ""
    assert fault_of(replace(RIGHT, zero_count=2.0**60)) == ""
