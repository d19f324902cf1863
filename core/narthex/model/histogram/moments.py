"""Average, variance and standard deviation of a distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.bounds import BucketTable, bucket_table
from narthex.model.histogram.value import Histogram

__all__ = ["average", "centres", "standard_deviation", "variance"]


def average(histogram: Histogram) -> float:
    """Sum by count: exact. NaN without observations."""
    return float(np.float64(histogram.sum) / histogram.count) if histogram.count else _by_zero(histogram.sum)


def _by_zero(total: float) -> float:
    return math.nan if not total or math.isnan(total) else math.copysign(math.inf, total)


def centres(table: BucketTable, *, custom: bool) -> NDArray[np.float64]:
    """Where the observations of each bucket are taken to be: float64, one for each bucket.

    The middle of custom buckets, zero for the zero bucket, and elsewhere the geometric mean of the bounds.
    """
    if custom:
        with np.errstate(invalid="ignore"):
            return (table.lower + table.upper) / 2
    with np.errstate(invalid="ignore", over="ignore"):
        return _signed_means(table)


def _signed_means(table: BucketTable) -> NDArray[np.float64]:
    spanning = (table.lower <= 0) & (table.upper >= 0)
    means = np.sqrt(np.abs(table.lower)) * np.sqrt(np.abs(table.upper))  # the product of the bounds could overflow
    return np.where(spanning, 0.0, np.copysign(means, table.upper))


def variance(histogram: Histogram) -> float:
    """The estimated variance of the observations (of the whole population)."""
    table = bucket_table(histogram)
    mean = average(histogram)
    if not histogram.count:
        return math.nan
    with np.errstate(invalid="ignore", over="ignore"):
        distances = centres(table, custom=histogram.custom) - mean
        terms = table.counts * distances * distances
    return math.fsum(terms.tolist()) / histogram.count if np.isfinite(terms).all() else float(terms.sum())


def standard_deviation(histogram: Histogram) -> float:
    """The estimated standard deviation of the observations."""
    found = variance(histogram)
    return math.sqrt(found) if found >= 0 else math.nan
