"""What counters lost at resets inside a window.

Resets are rare: a few thousand falls among the hundred thousands of cells that a query reads. So the falls are listed
once, and each is added to the windows that hold it. Only where most neighbours fall, as a gauge's do, running sums
along the columns are the cheaper way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from narthex.promql.engine.picking import picked
from narthex.promql.engine.sums import running_sums
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.promql.engine.window import Window

__all__ = ["lost_between"]

_DENSE = 4
"""With more entries (a fall in a window) than a ``_DENSE``-th of the cells, running sums are made instead."""


def lost_between(window: Window, first: Ints, last: Ints) -> Floats | None:
    """The values reached before each fall from row ``first`` to row ``last`` of each group (``[K, G]``), added up.

    Float64 ``[K, n]``, 0 where ``last`` is not behind ``first``; None when nothing in the block ever falls, which is
    the usual case and costs one comparison of neighbours.
    """
    values = window.block.values
    fell = values[1:] < values[:-1]
    where = np.flatnonzero(fell)  # fifty times as fast as nonzero() in two dimensions where hardly any is set
    if not len(where):
        return None
    row, column = np.divmod(where, fell.shape[1])
    begin, end = _steps_with(row + 1, window.block.group[column], first, last, len(values))
    lengths = np.maximum(end - begin, 0)
    entries = int(lengths.sum())
    if entries * _DENSE > values.size + window.shape[0] * window.shape[1]:
        return _running(window, fell, first, last)
    steps, columns = window.shape
    slots = np.repeat(begin * columns + column, lengths)
    slots += (np.arange(entries) - np.repeat(np.cumsum(lengths) - lengths, lengths)) * columns
    losses = np.repeat(values[row, column], lengths)
    return np.asarray(np.bincount(slots, losses, steps * columns).reshape(steps, columns), dtype=np.float64)


def _steps_with(row: Ints, group: Ints, first: Ints, last: Ints, height: int) -> tuple[Ints, Ints]:
    """For each fall to ``row`` the steps, end exclusive, with ``first`` < row <= ``last``: rows only grow by step."""
    return _steps_below(last, height)[row, group], _steps_below(first, height)[row, group]


def _steps_below(rows: Ints, height: int) -> Ints:
    """How many steps of each group have a smaller row: int64 ``[height, G]``, by row."""
    groups = rows.shape[1]
    slots = np.clip(rows + 1, 0, height) * groups + np.arange(groups)
    counts = np.bincount(slots.reshape(-1), minlength=(height + 1) * groups).reshape(height + 1, groups)
    return np.asarray(np.cumsum(counts, axis=0)[:height])


def _running(window: Window, fell: Bools, first: Ints, last: Ints) -> Floats:
    """The same by running sums along the columns."""
    values = window.block.values
    losses = np.zeros(values.shape)
    np.copyto(losses[1:], values[:-1], where=fell)
    if not np.isfinite(losses).all():  # with a running sum an infinity would spoil the windows behind it
        return replace(window, low=first + 1, high=last + 1).sum(losses)
    running = running_sums(losses)[1:]
    group = window.block.group
    return picked(running, np.maximum(first, last), group) - picked(running, first, group)
