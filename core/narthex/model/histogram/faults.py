"""Whether a histogram can be one: what Prometheus checks before it stores a native histogram.

Bucket counts that are whole numbers have to add up; those of a float histogram need not, because they may be sums that
were rounded. Observations that are NaN are counted and in no bucket, and make the sum NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.value import MAX_SCHEMA, MIN_SCHEMA, Buckets, Histogram

__all__ = ["fault_of"]

_EXACT = 2.0**53
"""Up to here float64 holds every whole number."""


def fault_of(histogram: Histogram) -> str:
    """What is wrong with a histogram, ``""`` for nothing. The marker that a series ended is always right."""
    if histogram.stale:
        return ""
    return (_layout_fault(histogram) if not histogram.custom else _custom_fault(histogram)) or _count_fault(histogram)


def _layout_fault(histogram: Histogram) -> str:
    if not MIN_SCHEMA <= histogram.schema <= MAX_SCHEMA:
        return f"schema {histogram.schema} is not known"
    if histogram.bounds:
        return "exponential buckets with custom bounds"
    if not histogram.zero_threshold >= 0:
        return f"a zero threshold of {histogram.zero_threshold}"
    return _order_fault(histogram.positive) or _order_fault(histogram.negative)


def _custom_fault(histogram: Histogram) -> str:
    bounds = histogram.bounds
    if not all(math.isfinite(one) or one == -math.inf for one in bounds):
        return "a custom bound is NaN or +Inf"
    if any(one >= other for one, other in pairwise(bounds)):
        return "custom bounds do not ascend"
    if histogram.zero_count or histogram.zero_threshold or len(histogram.negative):
        return "custom buckets with a zero bucket or a negative side"
    index = histogram.positive.index
    if len(index) and not 0 <= int(index[0]) <= int(index[-1]) <= len(bounds):
        return f"{len(bounds)} custom bounds for bucket {int(index[-1])}"
    return _order_fault(histogram.positive)


def _order_fault(buckets: Buckets) -> str:
    index = buckets.index
    return "" if len(index) < 2 or bool((index[1:] > index[:-1]).all()) else "buckets are out of order"


def _count_fault(histogram: Histogram) -> str:
    total = zero = histogram.zero_count
    sides = [side.counts for side in (histogram.positive, histogram.negative) if len(side)]
    if not zero >= 0 or not all(counts.min() >= 0 for counts in sides):
        return "a bucket with a negative count"
    if not histogram.count >= 0:
        return f"a count of {histogram.count}"
    for counts in sides:
        total += float(counts.sum())
    # Nearly all end here, so the rest may be slow.
    if total == histogram.count or total > _EXACT or not _whole([histogram.count, zero], *sides):
        return ""
    if total > histogram.count or not math.isnan(histogram.sum):
        return f"{total:g} observations in buckets, but a count of {histogram.count:g}"
    return ""


def _whole(*several: Sequence[float] | NDArray[np.float64]) -> bool:
    return all(bool((np.floor(counts) == counts).all()) for counts in several)
