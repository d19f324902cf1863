"""Quantiles and fractions of a distribution, interpolated within a bucket.

Interpolation is exponential within exponential buckets (as if the bucket were split by raising the schema), linear
within the zero bucket and custom buckets. A zero bucket lies on one side of zero when all other buckets do. A custom
histogram's lowest bucket begins at zero unless it ends at or below zero; its highest one has no end. These are the
rules of Prometheus's ``histogram_quantile`` and ``histogram_fraction``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.bounds import BucketTable, bucket_table
from narthex.model.histogram.value import Histogram

__all__ = ["NanEffect", "Quantile", "fraction", "has_nan_observations", "quantile", "share_below", "trimmed_table"]


class NanEffect(Enum):
    """What observations of NaN did to a quantile."""

    NONE = "none"
    NAN = "NaN"
    """The quantile falls among them."""
    SKEWED = "skewed"
    """They count as greater than all numbers, so the quantile is higher than that of the numbers alone."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """The answer, and what a reader should be told about it."""

    value: float
    nan_effect: NanEffect = NanEffect.NONE


def trimmed_table(histogram: Histogram) -> BucketTable:
    """The buckets as they are interpolated: the zero bucket, or the lowest custom one, cut at zero where due."""
    table = bucket_table(histogram)
    if table.zero >= 0:
        if not len(histogram.negative) and len(histogram.positive):
            table.lower[table.zero] = 0.0
        elif not len(histogram.positive) and len(histogram.negative):
            table.upper[table.zero] = 0.0
    elif histogram.custom and len(table.lower) and table.lower[0] == -math.inf and table.upper[0] > 0:
        table.lower[0] = 0.0
    return table


def has_nan_observations(histogram: Histogram) -> bool:
    """Whether some observations stand in no bucket: they were NaN."""
    if not math.isnan(histogram.sum):
        return False
    named = histogram.zero_count + histogram.positive.counts.sum() + histogram.negative.counts.sum()
    return bool(named < histogram.count)


def quantile(histogram: Histogram, q: float) -> Quantile:
    """The ``q``-quantile (0 … 1); infinite beyond, NaN without observations or for a NaN ``q``."""
    if q < 0:
        return Quantile(-math.inf)
    if q > 1:
        return Quantile(math.inf)
    if histogram.count == 0 or math.isnan(q):
        return Quantile(math.nan)
    table = trimmed_table(histogram)
    nan = math.isnan(histogram.sum)
    found = _from_below(table, q * histogram.count, histogram) if nan or q < 0.5 else _from_above(table, q, histogram)
    if found is None:
        return Quantile(math.nan, NanEffect.NAN if nan else NanEffect.NONE)
    skewed = nan and has_nan_observations(histogram)
    return Quantile(found, NanEffect.SKEWED if skewed else NanEffect.NONE)


def _from_below(table: BucketTable, rank: float, histogram: Histogram) -> float | None:
    """Where ``rank`` observations lie below; None when the buckets do not hold that many."""
    running = np.cumsum(table.counts)
    at = int(np.searchsorted(running, rank, side="left"))
    if at == len(running):
        if not at or math.isnan(histogram.sum):
            return None
        at -= 1  # more is counted than the buckets hold: the highest is the best there is
    before = float(running[at] - table.counts[at])
    return _inside(table, at, (min(rank, float(running[at])) - before) / float(table.counts[at]), histogram)


def _from_above(table: BucketTable, q: float, histogram: Histogram) -> float | None:
    """The same from the highest bucket down, which loses less precision for high quantiles."""
    rank = (1 - q) * histogram.count
    running = np.cumsum(table.counts[::-1])
    down = int(np.searchsorted(running, rank, side="left"))
    if down == len(running):
        if not down:
            return None
        down -= 1
    at = len(running) - 1 - down
    above = min(float(running[down]), histogram.count)
    return _inside(table, at, (above - min(rank, above)) / float(table.counts[at]), histogram)


def _inside(table: BucketTable, at: int, share: float, histogram: Histogram) -> float:
    """The point below which ``share`` of one bucket lies."""
    lower, upper = float(table.lower[at]), float(table.upper[at])
    if lower == -math.inf:
        return upper
    if upper == math.inf and histogram.custom:
        return lower
    if histogram.custom or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    if lower > 0:
        low, high = math.log2(lower), math.log2(upper)
        return float(np.exp2(low + (high - low) * share))
    low, high = math.log2(-upper), math.log2(-lower)
    return -float(np.exp2(low + (high - low) * (1 - share)))


def share_below(table: BucketTable, point: float, *, custom: bool) -> NDArray[np.float64]:
    """For each bucket, the share of its observations that lie below ``point``: float64 in 0 … 1."""
    shares = ((table.upper <= point) & (table.lower < point)).astype(np.float64)
    for at in np.flatnonzero((table.lower < point) & (table.upper > point)).tolist():
        shares[at] = _share(float(table.lower[at]), float(table.upper[at]), point, custom=custom)
    return shares


def _share(lower: float, upper: float, point: float, *, custom: bool) -> float:
    if upper == math.inf:
        return 0.0
    if lower == -math.inf:
        return 1.0
    if custom or lower <= 0 <= upper:
        return (point - lower) / (upper - lower)
    low, high, where = math.log2(abs(lower)), math.log2(abs(upper)), math.log2(abs(point))
    return (where - low) / (high - low)


def fraction(histogram: Histogram, lower: float, upper: float) -> float:
    """The estimated share of observations between the bounds; those that are NaN count as lying outside."""
    if histogram.count == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    table = trimmed_table(histogram)
    below_lower, below_upper = (
        float((table.counts * share_below(table, point, custom=histogram.custom)).sum()) for point in (lower, upper)
    )
    below_lower, below_upper = min(below_lower, histogram.count), min(below_upper, histogram.count)
    return (below_upper - below_lower) / histogram.count
