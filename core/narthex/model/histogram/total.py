"""The sum of many histograms at once: what ``sum`` and ``avg`` aggregate.

Adding one by one makes a histogram, and merges two bucket lists, for every step. Here all of them are brought to one
layout first, and their buckets are then summed with one array operation: for 1,000 histograms of 40 buckets ten times
as fast when they share their bucket indices (0.36 ms), 40 times when each has its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from narthex.model.histogram.arithmetic import Combined, IncompatibleHistogramsError, joined_hint
from narthex.model.histogram.custom import common_bounds, with_bounds
from narthex.model.histogram.schema import reduce_to, widen_zero
from narthex.model.histogram.value import NO_BUCKETS, Buckets, Hint, Histogram

__all__ = ["exact_sum", "total"]


def total(histograms: Sequence[Histogram]) -> Combined:
    """The sum of one or more histograms. Raises :class:`IncompatibleHistogramsError`.

    Count and sum are rounded once, not after every step.
    """
    hint, collision = _hint(histograms)
    level, reconciled = _levelled(histograms)
    first = level[0]
    value = Histogram(
        first.schema,
        first.zero_threshold,
        exact_sum([one.zero_count for one in level]),
        exact_sum([one.count for one in level]),
        exact_sum([one.sum for one in level]),
        _summed([one.positive for one in level]),
        _summed([one.negative for one in level]),
        first.bounds,
        hint,
    )
    return Combined(value, collision, reconciled)


def _hint(histograms: Sequence[Histogram]) -> tuple[Hint, bool]:
    hints = [one.hint for one in histograms]
    hint, collision = hints[0], False
    if len(set(hints)) > 1:
        for one in hints[1:]:
            hint, collides = joined_hint(hint, one)
            collision |= collides
    return hint, collision


def _levelled(histograms: Sequence[Histogram]) -> tuple[Sequence[Histogram], bool]:
    """All of them with one schema and zero threshold, or one list of bounds; and whether bounds were reconciled."""
    schemas = {one.schema for one in histograms}
    if not histograms[0].custom:
        if any(one.custom for one in histograms):
            raise IncompatibleHistogramsError("exponential and custom buckets cannot be summed")
        histograms = _level_zero(histograms)
        lowest = min(schemas)
        return histograms if len(schemas) == 1 else [reduce_to(one, lowest) for one in histograms], False
    if len(schemas) > 1:
        raise IncompatibleHistogramsError("exponential and custom buckets cannot be summed")
    distinct = {one.bounds: None for one in histograms}
    if len(distinct) == 1:
        return histograms, False
    bounds = reduce(common_bounds, distinct)
    return [with_bounds(one, bounds) for one in histograms], True


def _level_zero(histograms: Sequence[Histogram]) -> Sequence[Histogram]:
    while len({one.zero_threshold for one in histograms}) > 1:
        widest = max(one.zero_threshold for one in histograms)
        histograms = [widen_zero(one, widest) for one in histograms]
    return histograms


def exact_sum(numbers: list[float]) -> float:
    """The sum, rounded once; infinite or NaN where a plain sum is."""
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):  # infinities of both signs, or beyond the greatest float on the way
        with np.errstate(all="ignore"):
            return float(np.sum(np.array(numbers)))


def _summed(sides: Sequence[Buckets]) -> Buckets:
    first = sides[0]
    if all(one.index is first.index for one in sides):
        index = first.index
        rows = np.concatenate([one.counts for one in sides]).reshape(len(sides), -1)
    else:
        index, cells = np.unique(np.concatenate([one.index for one in sides]), return_inverse=True)
        rows = np.zeros((len(sides), len(index)))
        places = np.repeat(np.arange(len(sides)), [len(one) for one in sides])
        rows[places, cells.reshape(-1)] = np.concatenate([one.counts for one in sides])
    if not len(index):
        return NO_BUCKETS
    if rows.min() >= 0:
        return Buckets(index, rows.sum(axis=0))
    return Buckets(index, np.array([exact_sum(column) for column in rows.T.tolist()]))  # counts may cancel
