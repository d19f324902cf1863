"""Quantiles and fractions of distributions, interpolated within a bucket, for many histograms at once.

Interpolation is exponential within exponential buckets (as if the bucket were split by raising the schema), linear
within the zero bucket and custom buckets. A zero bucket lies on one side of zero when all other buckets do. A custom
histogram's lowest bucket begins at zero unless it ends at or below zero; its highest one has no end. These are the
rules of Prometheus's ``histogram_quantile`` and ``histogram_fraction``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.grid import Grid, grid_of
from narthex.model.histogram.rows import COUNT, SUM, ZERO, Rows, rows_of
from narthex.model.histogram.value import Histogram

__all__ = [
    "NanEffect",
    "Quantile",
    "fraction",
    "fractions",
    "has_nan_observations",
    "nan_observations",
    "quantile",
    "quantiles",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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


def nan_observations(rows: Rows) -> Bools:
    """Where some observations stand in no bucket: they were NaN."""
    named = rows.totals[:, ZERO] + rows.positive.counts.sum(axis=1) + rows.negative.counts.sum(axis=1)
    return np.asarray(np.isnan(rows.totals[:, SUM]) & (named < rows.totals[:, COUNT]))


def has_nan_observations(histogram: Histogram) -> bool:
    """The same of one histogram."""
    (rows,) = rows_of([histogram])
    return bool(nan_observations(rows)[0])


def quantile(histogram: Histogram, q: float) -> Quantile:
    """The ``q``-quantile (0 … 1); infinite beyond, NaN without observations or for a NaN ``q``."""
    (rows,) = rows_of([histogram])
    values, lost, skewed = quantiles(rows, np.array([q]))
    return Quantile(float(values[0]), NanEffect.NAN if lost[0] else NanEffect.SKEWED if skewed[0] else NanEffect.NONE)


def quantiles(rows: Rows, q: Floats) -> tuple[Floats, Bools, Bools]:
    """The quantile ``q[i]`` of each row; where it falls among observations of NaN, and where those skew it."""
    count, nan = rows.totals[:, COUNT], np.isnan(rows.totals[:, SUM])
    asked = (q >= 0) & (q <= 1) & (count != 0)
    values = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, np.nan))
    lost = np.zeros(len(q), dtype=np.bool_)
    grid = grid_of(rows)
    rising = nan | (q < 0.5)
    with np.errstate(all="ignore"):
        for forward in (True, False):
            at = np.flatnonzero(asked & (rising == forward))
            if not len(at):
                continue
            # From the highest bucket down high quantiles lose less precision.
            found, bucket, share = _ranked(grid.counts[at], count[at], q[at], nan[at], forward=forward)
            values[at] = np.where(found, grid.inside(at, bucket, share), np.nan)
            lost[at] = nan[at] & ~found
    return values, lost, asked & ~lost & nan_observations(rows)


def _ranked(
    counts: Floats, total: Floats, q: Floats, nan: Bools, *, forward: bool
) -> tuple[Bools, NDArray[np.int64], Floats]:
    """Whether there is a bucket with the quantile, which one, and the share of it that lies below the quantile.

    Where the buckets hold less than was counted, the last one on the way is taken, unless NaN were counted.
    """
    width = counts.shape[1]
    counts = counts if forward else counts[:, ::-1]
    running, some = np.cumsum(counts, axis=1), counts != 0
    rank = (q if forward else 1 - q) * total
    reached = some & (running >= rank[:, None])
    full = reached.any(axis=1)
    found = full | (some.any(axis=1) & ~nan)
    if not width:
        return found, np.zeros(len(q), dtype=np.int64), np.zeros(len(q))
    bucket = np.where(full, reached.argmax(axis=1), width - 1 - some[:, ::-1].argmax(axis=1))
    here = np.arange(len(q))
    up_to, own = running[here, bucket], counts[here, bucket]
    if forward:
        return found, bucket, (np.minimum(rank, up_to) - (up_to - own)) / own
    up_to = np.minimum(up_to, total)
    return found, width - 1 - bucket, (up_to - np.minimum(rank, up_to)) / own


def fractions(rows: Rows, lower: Floats, upper: Floats) -> Floats:
    """The estimated share of each row's observations that lies between the bounds; NaN ones count as lying outside."""
    grid, count = grid_of(rows), rows.totals[:, COUNT]
    with np.errstate(all="ignore"):
        below = [np.minimum(_below(grid, point), count) for point in (lower, upper)]
        share = (below[1] - below[0]) / count
    unknown = (count == 0) | np.isnan(lower) | np.isnan(upper)
    return np.where(unknown, np.nan, np.where(lower >= upper, 0.0, share))


def _below(grid: Grid, point: Floats) -> Floats:
    """How many observations of each row lie below a point of its own."""
    return np.asarray((grid.counts * grid.shares_below(point)).sum(axis=1))


def fraction(histogram: Histogram, lower: float, upper: float) -> float:
    """The same of one histogram."""
    (rows,) = rows_of([histogram])
    return float(fractions(rows, np.array([lower]), np.array([upper]))[0])
