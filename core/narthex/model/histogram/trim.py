"""Cut a distribution at a value (PromQL's ``</`` and ``>/``): what lies beyond is taken out of the buckets.

A bucket that the value cuts keeps its share, interpolated as for ``histogram_fraction``. When anything was taken out,
the sum is estimated anew from the middle of what remains of each bucket.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.grid import Grid, grid_of
from narthex.model.histogram.rows import rows_of
from narthex.model.histogram.value import NO_BUCKETS, Histogram

__all__ = ["trim_lower", "trim_upper"]

Floats = NDArray[np.float64]


def trim_upper(histogram: Histogram, limit: float) -> Histogram:
    """Only the observations up to ``limit`` (``</``)."""
    if math.isnan(limit):
        return _emptied(histogram)
    grid, kept = _below(histogram, limit)
    kept[(grid.lower == grid.upper) & (grid.upper <= limit)] = 1.0
    lower = np.where(grid.lower == -math.inf, np.minimum(grid.upper, limit), grid.lower)
    return _remaining(histogram, grid, kept, lower, np.minimum(grid.upper, limit))


def trim_lower(histogram: Histogram, limit: float) -> Histogram:
    """Only the observations from ``limit`` on (``>/``)."""
    if math.isnan(limit):
        return _emptied(histogram)
    grid, below = _below(histogram, limit)
    kept = 1.0 - below
    lower = np.maximum(grid.lower, limit)
    if histogram.custom and not histogram.bounds and limit > -math.inf:
        kept[:] = 0.0  # one bucket for everything: nothing tells where in it the limit lies
    if histogram.custom and 0 in histogram.positive.index[:1] and -math.inf < limit < 0:
        kept[0] = 0.0  # the lowest bucket is taken to begin at zero only where the limit does not say otherwise
    upper = np.where(grid.upper == math.inf, lower, grid.upper)
    return _remaining(histogram, grid, kept, lower, upper)


def _below(histogram: Histogram, limit: float) -> tuple[Grid, Floats]:
    """The buckets, and the share of each that lies below the limit."""
    (rows,) = rows_of([histogram])
    grid = grid_of(rows)
    with np.errstate(all="ignore"):
        return grid, grid.shares_below(np.array([limit]))[0]


def _emptied(histogram: Histogram) -> Histogram:
    return replace(histogram, zero_count=0.0, count=0.0, sum=0.0, positive=NO_BUCKETS, negative=NO_BUCKETS)


def _remaining(histogram: Histogram, grid: Grid, kept: Floats, lower: Floats, upper: Floats) -> Histogram:
    """The histogram with ``kept`` (0 … 1) of each bucket, whose remains lie between ``lower`` and ``upper``."""
    if (kept[grid.counts[0] != 0] == 1.0).all():
        return histogram
    counts = grid.counts[0] * kept
    below = len(histogram.negative)
    first = below + (not histogram.custom)  # the zero bucket stands between the sides
    return replace(
        histogram,
        zero_count=0.0 if histogram.custom else float(counts[below]),
        count=math.fsum(counts.tolist()),
        sum=_estimated_sum(grid, counts, lower, upper),
        positive=histogram.positive.with_counts(counts[first:]).compact(),
        negative=histogram.negative.with_counts(counts[:below][::-1]).compact(),
    )


def _estimated_sum(grid: Grid, counts: Floats, lower: Floats, upper: Floats) -> float:
    some = counts != 0
    low, high = lower[some], upper[some]
    with np.errstate(invalid="ignore"):
        geometric = np.copysign(np.sqrt(np.abs(low)) * np.sqrt(np.abs(high)), high)
        means = np.where(grid.linear[some], (low + high) / 2, geometric)
    return math.fsum((counts[some] * means).tolist())
