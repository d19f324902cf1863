"""Write one rule's results: a storage lane whose columns are the series the rule has produced.

Most evaluations give the very series of the one before. So the writer remembers the last label table with the lane's
columns for its rows, and when the next table has the same codes over the same dictionaries, its values go into the row
with one array assignment; no label is looked at. Only a result that differs is decoded to label sets.

Series that ended are found the same way: the row first takes stale markers in the columns of last time, then the new
values on top; what is still a marker has ended.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.labeltable import Column, LabelTable
from narthex.model.sample import MISSING, STALE_NAN
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Appended, Batch, Lane, Storage

__all__ = ["SeriesWriter", "write_stale"]

_SPARE_COLUMNS = 64
_NO_COLUMNS = np.zeros(0, dtype=np.int64)


class SeriesWriter:
    """The series of one rule. Called from the event loop only; times are ms since the epoch."""

    def __init__(self, storage: Storage, interval: int, phase: int) -> None:
        self._storage = storage
        self._interval = interval
        self._phase = phase
        self._lane: Lane | None = None
        self._series: list[Labels] = []
        self._column: dict[Labels, int] = {}
        self._refs: list[int] = []
        self._live = _NO_COLUMNS
        self._last: int | None = None
        self._table: LabelTable | None = None
        self._table_columns = _NO_COLUMNS

    @property
    def live(self) -> list[Labels]:
        """The series written last time."""
        return [self._series[column] for column in self._live.tolist()]

    def decoded(self, table: LabelTable) -> list[Labels] | None:
        """The label sets of a result that differs from the last one, None for one that does not.

        Changes nothing. It is the slow part, so call it in a worker thread while nothing is written.
        """
        if self._table is not None and _same(table, self._table):
            return None
        labels = table.all_labels()
        for one in labels:
            hash(one)  # kept by the label set, so that the event loop need not compute it
        return labels

    def write(
        self,
        table: LabelTable,
        values: NDArray[np.float64],
        timestamp: int,
        labels: list[Labels] | None = None,
        histograms: NDArray[np.object_] | None = None,
    ) -> Appended:
        """Store one evaluation's result; series of the last one that are missing here get stale markers.

        ``labels`` are the table's rows where they are decoded already; ``histograms`` the histogram of each row that is
        one, else None. A time that is not after the last one is refused as a whole; so it goes when the machine's clock
        is set back.
        Raises ``StorageError``; then the next result decides anew what has ended.
        """
        columns = self._columns(table, labels)
        if self._lane is None or not (len(columns) or len(self._live)):
            return Appended()
        if self._last is not None and timestamp <= self._last:
            return Appended(out_of_order=len(columns))
        row = np.full(self._lane.width, MISSING)
        row[self._live] = STALE_NAN
        row[columns] = values
        points = None if histograms is None else self._natives(row, columns, histograms, timestamp)
        appended = self._storage.append(Batch(self._lane, timestamp, row, histograms=points))
        self._live, self._last = columns, timestamp
        return appended

    def _natives(
        self,
        row: NDArray[np.float64],
        columns: NDArray[np.int64],
        histograms: NDArray[np.object_],
        timestamp: int,
    ) -> HistogramPoints:
        """The rows that are histograms, as points; they have no number in ``row``."""
        native = np.flatnonzero(histograms.astype(np.bool_))
        row[columns[native]] = MISSING
        refs = np.array(self._refs, dtype=np.int64)[columns[native]]
        return HistogramPoints(refs, np.full(len(native), timestamp), histograms[native])

    def adopt(self, other: SeriesWriter) -> None:
        """Take over from the writer of the same rule before a reload: its series end here if they do not come back."""
        live = other.live
        other.close()
        self._live = self._resolve(live)

    def close(self) -> None:
        """Write no more."""
        if self._lane is not None:
            self._lane.close()
        self._lane, self._series, self._column, self._refs = None, [], {}, []
        self._live, self._last, self._table = _NO_COLUMNS, None, None

    def _columns(self, table: LabelTable, labels: list[Labels] | None) -> NDArray[np.int64]:
        """The lane's column of each row, int64 ``[rows]``."""
        if self._table is None or not _same(table, self._table):
            self._table_columns = self._resolve(table.all_labels() if labels is None else labels)
            self._table = table
        return self._table_columns

    def _resolve(self, labels: list[Labels]) -> NDArray[np.int64]:
        if len(self._series) > 2 * len(labels) + _SPARE_COLUMNS:
            self._start_over()
        new = [one for one in labels if one not in self._column]
        if new:
            if self._lane is None:
                self._lane = self._storage.open_lane(self._interval, self._phase)
            refs = self._storage.register(new)
            self._lane.extend(refs)
            self._refs += refs.tolist()
            self._column.update({one: column for column, one in enumerate(new, len(self._series))})
            self._series += new
        return np.fromiter((self._column[one] for one in labels), dtype=np.int64, count=len(labels))

    def _start_over(self) -> None:
        """Most columns are of series long ended: go on in a new lane with the live ones."""
        live = self.live
        self.close()
        self._live = self._resolve(live) if live else _NO_COLUMNS


def _same(table: LabelTable, known: LabelTable) -> bool:
    return (
        table.rows == known.rows
        and table.columns.keys() == known.columns.keys()
        and all(_same_column(one, known.columns[name]) for name, one in table.columns.items())
    )


def _same_column(one: Column, known: Column) -> bool:
    same_dictionary = one.dictionary is known.dictionary or one.dictionary == known.dictionary
    return bool(same_dictionary and (one.codes is known.codes or np.array_equal(one.codes, known.codes)))


def write_stale(storage: Storage, series: list[Labels], interval: int, timestamp: int) -> None:
    """End series whose rule is gone, through a lane of their own."""
    if not series:
        return
    lane = storage.open_lane(interval, timestamp % interval)
    lane.extend(storage.register(series))
    storage.append(Batch(lane, timestamp, np.full(len(series), STALE_NAN)))
    lane.close()
