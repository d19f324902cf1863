"""The floats of a block, as groups of times and columns of pages.

Series that were sampled at the same moments, mostly all of a target, form a *group* and share its times. A group is cut
into pages by rows, and so is each of its columns, at the same rows. A series has one column at most. Series with start
timestamps have a second one for those, cut at the same rows: they change when a counter is reset, so nearly all of its
pages hold one number and take no payload.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.sample import MISSING_BITS
from narthex.storage.frames import NO_START
from narthex_plugins.tsdb.blocks.pages import PageReader, Pages, PageWriter, page_rows
from narthex_plugins.tsdb.blocks.samples import Samples
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter

__all__ = ["SectionReader", "SectionWriter", "Span"]

Ints = NDArray[np.int64]


class SectionWriter:
    """Writes the section; the file must be at nothing else from the first call to :meth:`finish`."""

    def __init__(self, file: ArrayFileWriter) -> None:
        self._file = file
        self._times = PageWriter(file)
        self._values = PageWriter(file)
        self._begun = PageWriter(file)
        self._started = array("I")
        self._rows = array("I")
        self._starts = array("q")
        self._ends = array("q")
        self._first_time_page = array("I", [0])
        self._known: dict[bytes, int] = {}
        self._series = array("I")
        self._group = array("I")
        self.samples = 0
        """Cells written; of those some may be ``MISSING``."""
        file.begin()

    def group(self, times: Ints, rows: Sequence[int] | None = None) -> int:
        """A group of these times (ms, ascending, at least one); of equal times there is one group only.

        ``rows`` are the lengths of its pages, by default :func:`page_rows`.
        """
        times = np.ascontiguousarray(times, dtype=np.int64)
        rows = page_rows(len(times)) if rows is None else rows
        key = blake2b(times.data, digest_size=16, salt=len(rows).to_bytes(4, "little")).digest()
        known = self._known.get(key)
        if known is not None:
            return known
        at = 0
        for count in rows:
            page = times[at : at + count]
            self._times.put(page)
            self._rows.append(count)
            self._starts.append(int(page[0]))
            self._ends.append(int(page[-1]))
            at += count
        self._first_time_page.append(len(self._rows))
        number = self._known[key] = len(self._first_time_page) - 2
        return number

    def bounds(self) -> list[int]:
        """The oldest and the newest time of all groups; nothing without any."""
        return [min(self._starts), max(self._ends)] if self._rows else []

    def rows(self, group: int) -> Sequence[int]:
        """The lengths of a group's pages."""
        return self._rows[self._first_time_page[group] : self._first_time_page[group + 1]]

    def column(self, series: int, group: int, values: NDArray[np.float64], starts: Ints | None = None) -> None:
        """The samples of a series that has no column yet, one for each of the group's times.

        A cell without a sample holds ``MISSING``. ``starts`` are start timestamps (None: all unknown).
        """
        self._cut(self._values, group, np.ascontiguousarray(values, dtype=np.float64))
        self._entered(series, group)
        if starts is not None and (starts != NO_START).any():
            self._cut(self._begun, group, np.ascontiguousarray(starts, dtype=np.int64))
            self._started.append(series)

    def pages(self, series: int, group: int, pages: Pages, starts: Pages = ()) -> None:
        """A column of pages that are encoded already; so are its start timestamps, if it has some."""
        self._values.again(pages)
        self._entered(series, group)
        if starts:
            self._begun.again(starts)
            self._started.append(series)

    def _cut(self, pages: PageWriter, group: int, cells: NDArray[Any]) -> None:
        at = 0
        for count in self.rows(group):
            pages.put(cells[at : at + count])
            at += count

    def _entered(self, series: int, group: int) -> None:
        self._series.append(series)
        self._group.append(group)
        self.samples += sum(self.rows(group))

    def finish(self, place: Ints) -> None:
        """Write the directories; ``place`` gives for each number that was used for a series its final one."""
        self._file.end("float.pages")
        put = self._file.put
        put("float.group_first", "<u4", np.frombuffer(self._first_time_page, np.uint32))
        put("float.rows", "<u4", np.frombuffer(self._rows, np.uint32))
        put("float.start", "<i8", np.frombuffer(self._starts, np.int64))
        put("float.end", "<i8", np.frombuffer(self._ends, np.int64))
        self._times.finish("float.times")
        series = place[np.frombuffer(self._series, np.uint32)]
        group = np.frombuffer(self._group, np.uint32)
        pages = np.diff(np.frombuffer(self._first_time_page, np.uint32))[group].astype(np.int64)
        order = np.argsort(series, kind="stable")
        put("float.series", "<u4", series[order])
        put("float.group", "<u4", group[order])
        put("float.first", "<u8", np.array([0, *accumulate(pages[order].tolist())], dtype=np.uint64))
        self._values.finish("float.values", _runs(pages, order))
        if self._started:
            started = place[np.frombuffer(self._started, np.uint32)]
            own = pages[order][np.searchsorted(series[order], started)]
            by_series = np.argsort(started, kind="stable")
            put("float.started", "<u4", started[by_series])
            self._begun.finish("float.starts", _runs(own, by_series))


def _runs(lengths: Ints, order: Ints) -> Ints | None:
    """Indices that bring runs of these lengths into another order; None when it is the one they have."""
    if (order == np.arange(len(order))).all():
        return None
    starts = np.cumsum(lengths) - lengths
    wanted = lengths[order]
    shift = np.repeat(starts[order] - (np.cumsum(wanted) - wanted), wanted)
    runs: Ints = np.arange(int(lengths.sum())) + shift
    return runs


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a group that lies in a window.

    ``page`` is its first page (counted within the group), ``lengths`` those of its pages, ``skip`` the rows of the
    first page that lie before the window, ``times`` the times inside.
    """

    page: int
    lengths: tuple[int, ...]
    skip: int
    times: Ints


class SectionReader:
    """The floats of an open block. What is damaged is told to ``damaged`` and reads as no sample."""

    def __init__(self, file: ArrayFile, damaged: Callable[[StorageError], None]) -> None:
        payloads = file.bytes("float.pages")
        self.group_first: NDArray[np.uint32] = file.array("float.group_first")
        self.rows: NDArray[np.uint32] = file.array("float.rows")
        self.start: Ints = file.array("float.start")
        self.end: Ints = file.array("float.end")
        self.times = PageReader(file, "float.times", payloads, 0, damaged)
        self.series: NDArray[np.uint32] = file.array("float.series")
        self.group: NDArray[np.uint32] = file.array("float.group")
        self.first: NDArray[np.uint64] = file.array("float.first")
        self.values = PageReader(file, "float.values", payloads, MISSING_BITS, damaged)
        self.starts = _Starts(file, self, payloads, damaged) if "float.started" in file.names else None

    def locate(self, series: Ints) -> tuple[Ints, Ints]:
        """``(columns, at)``: the columns of those of the series (ascending) that have one, and their places."""
        if len(self.series) == 0 or len(series) == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if int(self.series[-1]) + 1 == len(self.series) > int(series[-1]):  # every one of them has a column
            return series, np.arange(len(series))
        found = np.minimum(np.searchsorted(self.series, series.astype(np.uint32)), len(self.series) - 1)
        at = np.flatnonzero(self.series[found] == series)
        return found[at].astype(np.int64), at

    def group_times(self, group: int) -> Ints:
        """All times of a group."""
        return self._times(int(self.group_first[group]), int(self.group_first[group + 1]))

    def span(self, group: int, start: int, end: int) -> Span | None:
        """The part of a group between two times (ms, inclusive); None when there is none."""
        first, last = int(self.group_first[group]), int(self.group_first[group + 1])
        low = first + int(np.searchsorted(self.end[first:last], start))
        high = first + int(np.searchsorted(self.start[first:last], end, side="right"))
        if low >= high:
            return None
        times = self._times(low, high)
        skip, stop = np.searchsorted(times, np.array([start, end + 1])).tolist()
        if skip >= stop:
            return None
        return Span(low - first, tuple(self.rows[low:high].tolist()), skip, times[skip:stop])

    def encoded(self, column: int) -> list[int | bytes]:
        """A column's pages as they are. Raises ``StorageError``."""
        return self.values.encoded(int(self.first[column]), int(self.first[column + 1]))

    def encoded_starts(self, column: int) -> list[int | bytes]:
        """Its pages of start timestamps; none when it has none. Raises ``StorageError``."""
        first = -1 if self.starts is None else self.starts.first_page(column)
        if self.starts is None or first < 0:
            return []
        return self.starts.pages.encoded(first, first + len(self.lengths(int(self.group[column]))))

    def lengths(self, group: int) -> list[int]:
        """The lengths of a group's pages."""
        found: list[int] = self.rows[int(self.group_first[group]) : int(self.group_first[group + 1])].tolist()
        return found

    def column_values(self, column: int) -> NDArray[np.float64]:
        """All cells of a column."""
        lengths = self.lengths(int(self.group[column]))
        values = np.empty(sum(lengths))
        self.values.row(int(self.first[column]), lengths, values)
        return values

    def column_starts(self, column: int) -> Ints | None:
        """The start timestamps of all cells of a column; None when all are unknown."""
        first = -1 if self.starts is None else self.starts.first_page(column)
        if self.starts is None or first < 0:
            return None
        lengths = self.lengths(int(self.group[column]))
        starts = np.empty(sum(lengths), dtype=np.int64)
        self.starts.pages.row(first, lengths, starts)
        return starts

    def window(self, column: int, start: int, end: int) -> Samples | None:
        """The cells of a column between two times (ms, inclusive); None when there is none."""
        span = self.span(int(self.group[column]), start, end)
        if span is None:
            return None
        cells, starts = np.empty(sum(span.lengths)), None
        self.values.row(int(self.first[column]) + span.page, span.lengths, cells)
        first = -1 if self.starts is None else self.starts.first_page(column)
        if self.starts is not None and first >= 0:
            starts = np.empty(len(cells), dtype=np.int64)
            self.starts.pages.row(first + span.page, span.lengths, starts)
        inside = slice(span.skip, span.skip + len(span.times))
        return span.times, cells[inside], None if starts is None else starts[inside]

    def _times(self, low: int, high: int) -> Ints:
        lengths = self.rows[low:high].tolist()
        times = np.empty(sum(lengths), dtype=np.int64)
        self.times.row(low, lengths, times)
        return times


class _Starts:
    """Columns of start timestamps, of the series that have some."""

    def __init__(
        self, file: ArrayFile, section: SectionReader, payloads: memoryview, damaged: Callable[[StorageError], None]
    ) -> None:
        self.series: NDArray[np.uint32] = file.array("float.started")
        self.pages = PageReader(file, "float.starts", payloads, NO_START, damaged)
        self._all = section.series
        columns = np.searchsorted(self._all, self.series)
        pages = np.diff(section.group_first)[section.group[columns]].astype(np.int64)
        self._first = np.cumsum(pages) - pages

    def first_page(self, column: int) -> int:
        """Where the pages of a column of floats begin; -1 when it has none here."""
        series = self._all[column]
        at = int(np.searchsorted(self.series, series))
        return int(self._first[at]) if at < len(self.series) and self.series[at] == series else -1
