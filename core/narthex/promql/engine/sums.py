"""Sums that do not lose small terms between large ones.

Prometheus adds with Neumaier's compensation. Doing that for every sum would cost an array operation for each term, so
a plain sum is made first, together with the sum of magnitudes: their ratio bounds what rounding can have cost. Only
sums that cancelled (``1e100 + 1 - 1e100``) are made again, exactly, by ``math.fsum``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from narthex.promql.engine.vector import Bools, Floats, Ints

__all__ = ["exact_sum", "grouped_sum", "repaired", "running_sums"]

_RUN = 8
"""Members of a group on average from which adding runs is the faster way."""

_WIDE = 128
"""From so many columns on rows are added one by one: numpy's own running sum goes along each column, 4 ns a cell."""

_CANCELLED = 1e6
"""Magnitudes this many times the sum: plain addition may be wrong in more than the ninth digit."""


def running_sums(values: Floats | Bools) -> Floats:
    """Sums of the rows before each row: ``[R, n]`` gives float64 ``[R + 1, n]``. True counts 1."""
    running = np.empty((len(values) + 1, values.shape[1]))
    running[0] = 0.0
    with np.errstate(all="ignore"):
        if values.shape[1] < _WIDE:
            np.cumsum(values, axis=0, dtype=np.float64, out=running[1:])
            return running
        for row, before, after in zip(values, running, running[1:], strict=False):
            np.add(before, row, out=after)
    return running


def exact_sum(values: Floats) -> float:
    """The correctly rounded sum; inf and NaN as plain addition has them."""
    try:
        return math.fsum(values.tolist())
    except (OverflowError, ValueError):  # overflow on the way, or both infinities
        with np.errstate(all="ignore"):
            return float(np.sum(values))


def repaired(total: Floats, magnitude: Floats, again: Callable[[int], Floats]) -> Floats:
    """``total`` with the sums that cancelled made again.

    ``magnitude`` holds the sums of absolute values; ``again(i)`` the terms of the ``i``-th sum of the flattened array.
    Writes into ``total`` and returns it.
    """
    doubtful = magnitude > np.abs(total) * _CANCELLED
    doubtful &= np.isfinite(total)
    flat = total.reshape(-1)
    for index in np.flatnonzero(doubtful).tolist():
        flat[index] = exact_sum(again(index))
    return total


def grouped_sum(values: Floats, ids: Ints, groups: int) -> Floats:
    """Sums of the columns of each group: ``values`` ``[K, n]`` (0 where absent), ``ids`` ``[n]``; ``[K, groups]``."""
    if groups == values.shape[1]:
        total = np.empty((len(values), groups))
        total[:, ids] = values
        return total
    total = _added(values, ids, groups)
    if not values.size or values.min() >= 0:  # nothing can have cancelled; a NaN is not >= 0
        return total
    magnitude = _added(np.abs(values), ids, groups)
    return repaired(total, magnitude, lambda index: values[index // groups, ids == index % groups])


def _added(values: Floats, ids: Ints, groups: int) -> Floats:
    if groups == 1:
        return np.asarray(values.sum(axis=1))[:, None]
    if groups * _RUN <= len(ids) and bool((ids[1:] >= ids[:-1]).all()):
        # Groups that lie together, as a target's series do: a count adds each term to the slot it has just written, and
        # waits for that; 6 ns a term against 1.
        return np.asarray(np.add.reduceat(values, np.searchsorted(ids, np.arange(groups)), axis=1))
    total = np.empty((len(values), groups))
    for row, out in zip(values, total, strict=True):  # as fast as one count over all rows, whose slots take a pass
        out[:] = np.bincount(ids, row, groups)
    return total
