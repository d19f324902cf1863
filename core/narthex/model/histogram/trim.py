"""Cut a distribution at a value (PromQL's ``</`` and ``>/``): what lies beyond is taken out of the buckets.

A bucket that the value cuts keeps its share, interpolated as for ``histogram_fraction``. When anything was taken out,
the sum is estimated anew from the middle of what remains of each bucket.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.bounds import BucketTable
from narthex.model.histogram.quantile import share_below, trimmed_table
from narthex.model.histogram.value import NO_BUCKETS, Buckets, Histogram

__all__ = ["trim_lower", "trim_upper"]


def trim_upper(histogram: Histogram, limit: float) -> Histogram:
    """Only the observations up to ``limit`` (``</``)."""
    if math.isnan(limit):
        return _emptied(histogram)
    table = trimmed_table(histogram)
    kept = share_below(table, limit, custom=histogram.custom)
    kept[(table.lower == table.upper) & (table.upper <= limit)] = 1.0
    lower = np.where(table.lower == -math.inf, np.minimum(table.upper, limit), table.lower)
    return _remaining(histogram, table, kept, lower, np.minimum(table.upper, limit))


def trim_lower(histogram: Histogram, limit: float) -> Histogram:
    """Only the observations from ``limit`` on (``>/``)."""
    if math.isnan(limit):
        return _emptied(histogram)
    table = trimmed_table(histogram)
    kept = 1.0 - share_below(table, limit, custom=histogram.custom)
    lower = np.maximum(table.lower, limit)
    if histogram.custom and not histogram.bounds and limit > -math.inf:
        kept[:] = 0.0  # one bucket for everything: nothing tells where in it the limit lies
    if _open_below(histogram) and -math.inf < limit < 0:
        kept[0] = 0.0  # it is taken to begin at zero only where the limit does not say otherwise
    upper = np.where(table.upper == math.inf, lower, table.upper)
    return _remaining(histogram, table, kept, lower, upper)


def _open_below(histogram: Histogram) -> bool:
    """Whether the lowest bucket that counts something is the custom one without a lower bound."""
    used = histogram.positive.compact().index
    return histogram.custom and len(used) > 0 and int(used[0]) == 0


def _emptied(histogram: Histogram) -> Histogram:
    return replace(histogram, zero_count=0.0, count=0.0, sum=0.0, positive=NO_BUCKETS, negative=NO_BUCKETS)


def _remaining(
    histogram: Histogram,
    table: BucketTable,
    kept: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> Histogram:
    """The histogram with ``kept`` (0 … 1) of each bucket, whose remains lie between ``lower`` and ``upper``."""
    if (kept == 1.0).all():
        return histogram
    counts = table.counts * kept
    total = _estimated_sum(table, counts, lower, upper, custom=histogram.custom)
    below = len(histogram.negative.compact())
    first = below + (table.zero >= 0)
    return replace(
        histogram,
        zero_count=float(counts[table.zero]) if table.zero >= 0 else 0.0,
        count=math.fsum(counts.tolist()),
        sum=total,
        positive=Buckets(histogram.positive.compact().index, counts[first:]).compact(),
        negative=Buckets(histogram.negative.compact().index, counts[:below][::-1]).compact(),
    )


def _estimated_sum(
    table: BucketTable,
    counts: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    custom: bool,
) -> float:
    some = counts != 0
    low, high = lower[some], upper[some]
    linear = np.full(len(low), custom)
    if table.zero >= 0 and some[table.zero]:
        linear[int(some[: table.zero].sum())] = True
    with np.errstate(invalid="ignore"):
        means = np.where(linear, (low + high) / 2, np.copysign(np.sqrt(np.abs(low)) * np.sqrt(np.abs(high)), high))
    return math.fsum((counts[some] * means).tolist())
