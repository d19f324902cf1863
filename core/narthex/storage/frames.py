"""What ``select`` answers: matrices of samples over a table of labels.

A frame is one aligned block: its rows are moments, its columns series. Series that were scraped together form a
*group* and share their timestamps, so a block of 1,000 series of one target has one column of times. The arrays may be
views of live or memory-mapped data; nothing is copied until the reader asks for a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable

__all__ = ["NO_TIME", "Frame", "Points", "Selection"]

NO_TIME = 0
"""In a frame's ``times``: the group has no row here (a failed or skipped slot)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Samples of ``n`` selected series over ``rows`` moments.

    * ``matrix``: float64 ``[rows, any]``, the block as stored, in row order, not to be written to. Cells may be
      ``MISSING`` or ``STALE_NAN``. A cell whose time is ``NO_TIME`` holds garbage.
    * ``columns``: int64 ``[n]``, the columns of ``matrix`` that were selected.
    * ``series``: int64 ``[n]``, for each of them its row in the selection's label table.
    * ``times``: int64 ``[rows, groups]``, ms since the epoch, or ``NO_TIME``. Where present, ascending along rows.
    * ``group``: int64 ``[n]``, for each selected column its column in ``times``.
    """

    matrix: NDArray[np.float64]
    columns: NDArray[np.int64]
    series: NDArray[np.int64]
    times: NDArray[np.int64]
    group: NDArray[np.int64]

    def window(self, start: int, end: int) -> NDArray[np.float64]:
        """Rows ``start`` <= r < ``end`` of the selected columns: float64 ``[end - start, n]``, a copy."""
        return np.take(self.matrix[start:end], self.columns, axis=1)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """One cell for each selected column and step: ``rows`` is int64 ``[steps, n]``; float64 of that shape."""
        return self.matrix[rows, self.columns]


@dataclass(frozen=True, slots=True)
class Points:
    """Samples with timestamps of their own, as three parallel arrays of one length.

    ``series`` (int64) is a reference on the way in and a row of the selection's label table on the way out; ``times``
    (int64) are ms since the epoch; ``values`` float64. On the way out they are sorted by series, then time, without
    repeats.
    """

    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def none(cls) -> Points:
        """No samples."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros(0))


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected series and their samples. Frames come in order of time; a series may stand in any number of them.

    Two frames, or a frame and points, may overlap in time for the same series (a target that moved, a restart); where
    two samples of a series have the same timestamp, the one given last wins.
    """

    labels: LabelTable
    frames: Sequence[Frame]
    points: Points
