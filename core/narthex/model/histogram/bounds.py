"""Where buckets begin and end, and the walk over all buckets of a histogram from the lowest to the highest."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.value import CUSTOM_SCHEMA, MAX_SCHEMA, Histogram

__all__ = ["BucketTable", "bucket_table", "edges", "upper_bound", "upper_bounds"]

_TOP_EXPONENT = 1024
"""The bucket that would end at 2.0**1024, beyond float64, ends at the greatest float; the next one at infinity."""


@cache
def _fractions(schema: int) -> NDArray[np.float64]:
    """The bounds in [0.5, 1) of a schema > 0: 2^schema numbers.

    Each schema halves the buckets of the one before, which keeps the coarser bounds to the bit. Prometheus prints
    bounds from a table in which 1/sqrt(2) is cut, not rounded; starting from that number gives its digits.
    """
    if schema == 1:
        return np.array([0.5, 1 / math.sqrt(2)])
    coarse = _fractions(schema - 1)
    fine = np.empty(2 * len(coarse))
    fine[::2] = coarse
    fine[1::2] = coarse * 2.0 ** (1 / (1 << schema))
    return fine


def upper_bounds(index: NDArray[np.int32], schema: int) -> NDArray[np.float64]:
    """The upper bound (absolute value) of exponential buckets: float64, same length. ``schema`` is -4 … 8."""
    bounds: NDArray[np.float64]
    with np.errstate(over="ignore", under="ignore"):
        if schema > 0:
            bounds = np.ldexp(_fractions(schema)[index & ((1 << schema) - 1)], (index >> schema) + 1)
            last = _TOP_EXPONENT << schema
        else:
            bounds = np.ldexp(1.0, index << -schema)
            last = _TOP_EXPONENT >> -schema
    if len(index) and index[-1] >= last:
        bounds[index == last] = sys.float_info.max
    return bounds


def upper_bound(index: int, schema: int) -> float:
    """The upper bound of one exponential bucket."""
    return float(upper_bounds(np.array([index], dtype=np.int32), schema)[0])


@lru_cache(maxsize=512)
def edges(index: bytes, schema: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds of buckets, not to be written to.

    Kept, because the samples of a series have the same buckets again and again, and computing the bounds was half of
    what a quantile takes.
    """
    numbers = np.frombuffer(index, dtype=np.int32)
    return upper_bounds(numbers - 1, schema), upper_bounds(numbers, schema)


@dataclass(frozen=True, slots=True, eq=False)
class BucketTable:
    """All named buckets of a histogram from the lowest to the highest, as parallel float64 arrays.

    The zero bucket stands in its place when it counts anything; ``zero`` is its position, or -1.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    counts: NDArray[np.float64]
    zero: int = -1


def bucket_table(histogram: Histogram) -> BucketTable:
    """The buckets that count something, with their bounds."""
    if histogram.schema == CUSTOM_SCHEMA:
        return _custom_table(histogram)
    assert histogram.schema <= MAX_SCHEMA
    positive, negative = histogram.positive.compact(), histogram.negative.compact()
    schema = histogram.schema
    up_low, up = edges(positive.index.tobytes(), schema)
    down_low, down = edges(negative.index.tobytes(), schema)
    lower, upper, counts = [-down[::-1]], [-down_low[::-1]], [negative.counts[::-1]]
    zero = -1
    if histogram.zero_count:
        zero = len(down)
        lower.append(np.array([-histogram.zero_threshold]))
        upper.append(np.array([histogram.zero_threshold]))
        counts.append(np.array([histogram.zero_count]))
    return BucketTable(
        np.concatenate([*lower, up_low]), np.concatenate([*upper, up]), np.concatenate([*counts, positive.counts]), zero
    )


def _custom_table(histogram: Histogram) -> BucketTable:
    ends = np.array([-math.inf, *histogram.bounds, math.inf])
    used = histogram.positive.compact()
    return BucketTable(ends[used.index], ends[used.index + 1], used.counts)
