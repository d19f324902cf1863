"""When two histograms are the same: exactly, or within a tolerance.

Buckets that count nothing make no difference, nor does the hint. Numbers are compared as PromQL compares histograms: a
NaN equals a NaN of the same bits (so a stale marker equals only a stale marker).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.model.histogram.value import Buckets, Histogram

__all__ = ["close_to", "same"]


def same(one: Histogram, other: Histogram) -> bool:
    """Whether both describe exactly the same distribution."""
    return one is other or _alike(one, other, _bits_equal)


def close_to(one: Histogram, other: Histogram, close: Callable[[float, float], bool]) -> bool:
    """Whether both have the same buckets and all numbers in them are close. The zero thresholds must be equal."""
    return _alike(one, other, close)


def _bits_equal(one: float, other: float) -> bool:
    if one == other:
        return True
    return bool(np.float64(one).view(np.int64) == np.float64(other).view(np.int64))


def _alike(one: Histogram, other: Histogram, equal: Callable[[float, float], bool]) -> bool:
    return (
        one.schema == other.schema
        and one.zero_threshold == other.zero_threshold
        and one.bounds == other.bounds
        and equal(one.count, other.count)
        and equal(one.sum, other.sum)
        and equal(one.zero_count, other.zero_count)
        and _sides(one.positive, other.positive, equal)
        and _sides(one.negative, other.negative, equal)
    )


def _sides(one: Buckets, other: Buckets, equal: Callable[[float, float], bool]) -> bool:
    if one is other:
        return True
    if one.index is other.index and np.array_equal(one.counts, other.counts):
        return True
    one, other = one.compact(), other.compact()
    if not np.array_equal(one.index, other.index):
        return False
    return all(map(equal, one.counts.tolist(), other.counts.tolist()))
