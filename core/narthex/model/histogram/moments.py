"""Average, variance and standard deviation of a distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.grid import grid_of
from narthex.model.histogram.rows import COUNT, SUM, Rows, rows_of
from narthex.model.histogram.value import Histogram

__all__ = ["average", "centres", "standard_deviation", "variance", "variances"]

Floats = NDArray[np.float64]


def average(histogram: Histogram) -> float:
    """Sum by count: exact. NaN without observations."""
    return float(np.float64(histogram.sum) / histogram.count) if histogram.count else _by_zero(histogram.sum)


def _by_zero(total: float) -> float:
    return math.nan if not total or math.isnan(total) else math.copysign(math.inf, total)


def centres(lower: Floats, upper: Floats, *, custom: bool) -> Floats:
    """Where the observations of buckets with these bounds are taken to be.

    The middle of custom buckets, zero for the zero bucket, and elsewhere the geometric mean of the bounds.
    """
    if custom:
        return np.asarray((lower + upper) / 2)
    means = np.sqrt(np.abs(lower)) * np.sqrt(np.abs(upper))  # the product of the bounds could overflow
    return np.where((lower <= 0) & (upper >= 0), 0.0, np.copysign(means, upper))


def variances(rows: Rows) -> Floats:
    """The estimated variance of each row's observations (of the whole population)."""
    grid, count = grid_of(rows, cut=False), rows.totals[:, COUNT]
    with np.errstate(all="ignore"):
        distances = centres(grid.lower, grid.upper, custom=rows.custom) - (rows.totals[:, SUM] / count)[:, None]
        terms = np.where(grid.counts != 0, grid.counts * distances * distances, 0.0)
        return np.where(count == 0, np.nan, terms.sum(axis=1) / count)


def variance(histogram: Histogram) -> float:
    """The same of one histogram."""
    (rows,) = rows_of([histogram])
    return float(variances(rows)[0])


def standard_deviation(histogram: Histogram) -> float:
    """The estimated standard deviation of the observations."""
    found = variance(histogram)
    return math.sqrt(found) if found >= 0 else math.nan
