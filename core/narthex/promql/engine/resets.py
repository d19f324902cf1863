"""What counters lost at resets inside a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from narthex.promql.engine.vector import Floats, Ints
from narthex.promql.engine.window import Window

__all__ = ["lost_between"]


def lost_between(window: Window, first: Ints, last: Ints) -> Floats | None:
    """The values reached before each fall from row ``first`` to row ``last`` of each group (``[K, G]``), added up.

    Float64 ``[K, n]``, 0 where ``last`` is not behind ``first``; None when nothing in the block ever falls, which is
    the usual case and costs one comparison of neighbours.
    """
    values = window.block.values
    fell = values[1:] < values[:-1]
    if not fell.any():
        return None
    losses = np.zeros(values.shape)
    np.copyto(losses[1:], values[:-1], where=fell)
    if not np.isfinite(losses).all():  # with a running sum an infinity would spoil the windows behind it
        return replace(window, low=first + 1, high=last + 1).sum(losses)
    running = np.cumsum(losses, axis=0)
    height, columns = values.shape
    group = window.block.group
    low, high = (np.clip(rows, 0, height - 1)[:, group] for rows in (first, np.maximum(first, last)))
    here = np.arange(columns)
    return np.asarray(running[high, here] - running[low, here])
