"""Rows of histograms with the bounds of their buckets, from the lowest to the highest: what estimates work on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.bounds import edges
from narthex.model.histogram.rows import ZERO, Rows

__all__ = ["Grid", "grid_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """``m`` rows over ``w`` buckets.

    ``lower`` and ``upper`` are float64 ``[w]``, or ``[m, w]`` where the zero buckets of some rows are cut at zero;
    ``counts`` float64 ``[m, w]``; ``linear`` bool ``[w]``: how a bucket is interpolated.
    """

    lower: Floats
    upper: Floats
    counts: Floats
    linear: NDArray[np.bool_]
    custom: bool

    def at(self, rows: Ints, buckets: Ints) -> tuple[Floats, Floats]:
        """The bounds of one bucket of each of some rows."""
        if self.lower.ndim == 1:
            return self.lower[buckets], self.upper[buckets]
        return self.lower[rows, buckets], self.upper[rows, buckets]

    def inside(self, rows: Ints, buckets: Ints, share: Floats) -> Floats:
        """The points below which ``share`` of a bucket lies; a bucket without an end is not interpolated."""
        if not len(self.linear):
            return np.full(len(rows), np.nan)
        lower, upper = self.at(rows, buckets)
        low, high = np.log2(np.abs(lower)), np.log2(np.abs(upper))
        grown = np.exp2(low + (high - low) * share)
        mirrored = -np.exp2(high + (low - high) * (1 - share))
        point = np.where(lower > 0, grown, mirrored)
        point = np.where(self.linear[buckets], lower + (upper - lower) * share, point)
        if self.custom:
            point = np.where(np.isposinf(upper), lower, point)
        return np.where(np.isneginf(lower), upper, point)

    def shares_below(self, point: Floats) -> Floats:
        """For each row and bucket the share of its observations that lies below the row's point: 0 … 1."""
        wide = point[:, None]
        shares = ((self.upper <= wide) & (self.lower < wide)).astype(np.float64)
        rows, buckets = np.nonzero((self.lower < wide) & (self.upper > wide))
        if not len(rows):
            return shares
        (lower, upper), here = self.at(rows, buckets), point[rows]
        low, high, where = (np.log2(np.abs(one)) for one in (lower, upper, here))
        part = np.where(self.linear[buckets], (here - lower) / (upper - lower), (where - low) / (high - low))
        part = np.where(np.isneginf(lower), 1.0, part)
        shares[rows, buckets] = np.where(np.isposinf(upper), 0.0, part)
        return shares


def grid_of(rows: Rows, *, cut: bool = True) -> Grid:
    """The buckets of rows with their bounds; ``cut``: zero bucket and lowest custom bucket end at zero where due."""
    return _custom(rows, cut=cut) if rows.custom else _exponential(rows, cut=cut)


def _custom(rows: Rows, *, cut: bool) -> Grid:
    ends = np.array([-math.inf, *rows.family[2], math.inf])
    index = rows.positive.index
    lower, upper = ends[index], ends[index + 1]
    if cut and len(lower) and lower[0] == -math.inf and upper[0] > 0:
        lower[0] = 0.0
    return Grid(lower, upper, rows.positive.counts, np.ones(len(index), dtype=np.bool_), custom=True)


def _exponential(rows: Rows, *, cut: bool) -> Grid:
    schema, threshold, _ = rows.family
    up_low, up = edges(rows.positive.index.tobytes(), schema)
    down_low, down = edges(rows.negative.index.tobytes(), schema)
    zero = len(down)
    lower = np.concatenate([-down[::-1], [-threshold], up_low])
    upper = np.concatenate([-down_low[::-1], [threshold], up])
    counts = np.concatenate([rows.negative.counts[:, ::-1], rows.totals[:, ZERO, None], rows.positive.counts], axis=1)
    linear = (lower <= 0) & (upper >= 0)
    from_zero = rows.positive.named & ~rows.negative.named
    to_zero = rows.negative.named & ~rows.positive.named
    if cut and from_zero.all():
        lower[zero] = 0.0
    elif cut and to_zero.all():
        upper[zero] = 0.0
    elif cut and (from_zero.any() or to_zero.any()):
        lower, upper = (np.array(np.broadcast_to(one, counts.shape)) for one in (lower, upper))
        lower[from_zero, zero], upper[to_zero, zero] = 0.0, 0.0
    return Grid(lower, upper, counts, linear, custom=False)
