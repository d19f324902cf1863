"""A target's samples as one row of float64, and the storage lane that takes it.

Cell 0 is a bin: lines whose series is dropped, or stands in the body twice, write there and nobody reads it. Then come
the report series, then the scraped ones in the order in which they were first seen. Cells of series that ended stay,
holding ``MISSING``, until most of the row is like that; then the row moves to a new, tighter lane.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.sample import MISSING, STALE_NAN
from narthex.storage.frames import HistogramPoints, Points
from narthex.storage.protocol import Appended, Batch, Lane, Storage
from narthex.storage.registration import register_table

__all__ = ["BIN", "Row"]

BIN = 0
_DEAD_ENOUGH = 64
"""A row is not moved for fewer ended series than this."""

Cells = NDArray[np.int32]


class Row:
    """The current values of one target's series. ``interval`` and ``phase`` (ms) describe its slots to the storage."""

    __slots__ = ("_ending", "_lane", "_live", "_phase", "_refs", "_reports", "_storage", "cells")

    def __init__(self, storage: Storage, interval: int, phase: int, reports: Sequence[Labels]) -> None:
        self._storage = storage
        self._phase = (interval, phase)
        self._reports = 1 + len(reports)
        self._refs: NDArray[np.int64] = storage.register(reports)
        self._lane: Lane | None = None
        self.cells: NDArray[np.float64] = np.full(self._reports, MISSING)
        self._live = np.zeros(self._reports, dtype=np.bool_)
        self._ending: NDArray[np.int64] | None = None

    def add(self, labels: Sequence[Labels]) -> list[int]:
        """The cells of these series; new ones are appended, equal label sets share a cell."""
        return self._cells_of(self._storage.register(labels).tolist()) if labels else []

    def add_table(self, table: LabelTable) -> list[int]:
        """As :meth:`add`, for the rows of a table."""
        return self._cells_of(register_table(self._storage, table).tolist())

    def _cells_of(self, refs: Sequence[int]) -> list[int]:
        cell_of = dict(zip(self._refs.tolist(), range(1, len(self.cells)), strict=True))
        known = len(cell_of)
        cells = [cell_of.setdefault(ref, len(cell_of) + 1) for ref in refs]
        new = np.array(list(cell_of)[known:], dtype=np.int64)
        self._refs = np.concatenate((self._refs, new))
        self.cells = np.concatenate((self.cells, np.full(len(new), MISSING)))
        self._live = np.concatenate((self._live, np.zeros(len(new), dtype=np.bool_)))
        if self._lane is not None and len(new):
            self._lane.extend(new)
        return cells

    def register(self, labels: Sequence[Labels]) -> Sequence[int]:
        """References of series that get no cell: their samples have timestamps of their own."""
        refs: list[int] = self._storage.register(labels).tolist() if labels else []
        return refs

    def present(self, cells: Cells) -> None:
        """Only these series are there now; those that were and are not any more get the staleness marker."""
        live = np.zeros(len(self.cells), dtype=np.bool_)
        live[cells] = True
        live[: self._reports] = False
        self._ending = np.flatnonzero(self._live & ~live)
        self.cells[self._ending] = STALE_NAN
        self._live = live

    def refs(self) -> list[int]:
        """References of the series that are there."""
        refs: list[int] = self._refs[self._live[1:]].tolist()
        return refs

    def end(self, timestamp: int, others: Sequence[int]) -> None:
        """Mark every series that is there, the reports and ``others`` as ended, and give the lane back.

        The markers go as points, not as a row: another target may have taken over some of the series, with a lane of
        its own, and then they are refused as out of order, which is right.
        """
        self.close()
        reports = self._refs[: self._reports - 1].tolist()
        refs = np.array(sorted({*self.refs(), *reports, *others}), dtype=np.int64)
        markers = Points(refs, np.full(len(refs), timestamp, dtype=np.int64), np.full(len(refs), STALE_NAN))
        lane = self._storage.open_lane(*self._phase)
        self._storage.append(Batch(lane, timestamp, np.zeros(0), markers))
        lane.close()

    def commit(
        self,
        timestamp: int,
        reports: Sequence[float],
        points: Points | None = None,
        histograms: HistogramPoints | None = None,
    ) -> Appended:
        """Append the row. ``reports`` are the values of the report series; empty leaves what the cells hold.

        Raises ``StorageError`` when the storage takes nothing.
        """
        if self._lane is None:
            self._lane = self._storage.open_lane(*self._phase)
            self._lane.extend(self._refs)
        if reports:
            self.cells[1 : self._reports] = reports
        try:
            return self._storage.append(Batch(self._lane, timestamp, self.cells[1:], points, histograms))
        finally:
            if self._ending is not None:
                self.cells[self._ending] = MISSING
                self._ending = None

    def tighten(self) -> Cells | None:
        """Move to a new lane when most series have ended: the new cell of every old one (0: gone), or None."""
        dead = len(self.cells) - self._reports - int(np.count_nonzero(self._live))
        if dead < _DEAD_ENOUGH or 2 * dead < len(self.cells):
            return None
        kept = self._live.copy()
        kept[: self._reports] = True
        moved = np.zeros(len(self.cells), dtype=np.int32)
        moved[kept] = np.arange(np.count_nonzero(kept), dtype=np.int32)
        self._refs = self._refs[kept[1:]]
        self.cells = self.cells[kept]
        self._live = self._live[kept]
        self.close()
        return moved

    def move(self, interval: int, phase: int) -> None:
        """Go on with other slots, on a lane of their own."""
        if (interval, phase) != self._phase:
            self._phase = (interval, phase)
            self.close()

    def close(self) -> None:
        """Give the lane back; a later :meth:`commit` opens another."""
        if self._lane is not None:
            self._lane.close()
            self._lane = None
