"""A panel: one matrix of an open slab. A slab gets another panel when it needs more columns, so nothing is copied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.tsdb.memory import zeros

__all__ = ["Panel", "Segment"]

Segment = tuple[NDArray[np.float64], int, int, int, int]
"""Where a run of a lane's columns lies: the matrix, its first and end column, the lane's first and end column."""


class Panel:
    """Columns ``base`` … ``base + width`` of a slab.

    ``matrix`` is float64 ``[height, width]`` in row order, ``group`` int32 ``[width]`` tells the column of the slab's
    times that belongs to each column. Columns are handed out from the left.
    """

    __slots__ = ("base", "group", "matrix", "used", "width")

    def __init__(self, base: int, height: int, width: int) -> None:
        self.base = base
        self.width = width
        self.matrix: NDArray[np.float64] = zeros((height, width), np.float64)
        self.group: NDArray[np.int32] = zeros((width,), np.int32)
        self.used = 0

    @property
    def free(self) -> int:
        """Columns not handed out yet."""
        return self.width - self.used

    def take(self, columns: int, group: int) -> int:
        """Hand out the next columns to a group; returns the first."""
        first = self.used
        self.group[first : first + columns] = group
        self.used += columns
        return first
