"""A section of a block: samples of one kind, as groups of times and columns of pages.

Series that were sampled at the same moments, mostly all of a target, form a *group* and share its times. A group is cut
into pages by rows, and so is each of its columns, at the same rows. In a section a series has one column at most.

This is the seam for further kinds of samples, such as native histograms: a section of another name, whose payloads
their own code makes (:meth:`SectionWriter.pages`) and reads (:meth:`.pages.PageReader.payload`), carries them in the
same file, under the same checksums, with the same groups of times.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.sample import MISSING_BITS
from narthex_plugins.tsdb.blocks.pages import PageReader, PageWriter, page_rows
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter

__all__ = ["FLOATS", "SectionReader", "SectionWriter", "Span"]

Ints = NDArray[np.int64]

FLOATS = "float"
"""The section of plain samples: pages of float64. A cell without a sample holds ``MISSING``."""


class SectionWriter:
    """Writes a section; the file must be at nothing else from the first call to :meth:`finish`."""

    def __init__(self, file: ArrayFileWriter, name: str = FLOATS) -> None:
        self._file = file
        self._name = name
        self._times = PageWriter(file)
        self._values = PageWriter(file)
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

    def bounds(self) -> tuple[int, int]:
        """The oldest and the newest time of all groups; zero without any."""
        return min(self._starts, default=0), max(self._ends, default=0)

    def rows(self, group: int) -> Sequence[int]:
        """The lengths of a group's pages."""
        return self._rows[self._first_time_page[group] : self._first_time_page[group + 1]]

    def column(self, series: int, group: int, values: NDArray[np.float64]) -> None:
        """The samples of a series that has no column yet, one for each of the group's times."""
        values = np.ascontiguousarray(values, dtype=np.float64)
        at = 0
        for count in self.rows(group):
            self._values.put(values[at : at + count])
            at += count
        self._entered(series, group, at)

    def pages(self, series: int, group: int, pages: Sequence[int | bytes | memoryview]) -> None:
        """A column of pages that are encoded already: payloads, or the bits of constant pages."""
        for page in pages:
            if isinstance(page, int):
                self._values.constant(page)
            else:
                self._values.payload(page)
        self._entered(series, group, sum(self.rows(group)))

    def _entered(self, series: int, group: int, rows: int) -> None:
        self._series.append(series)
        self._group.append(group)
        self.samples += rows

    def finish(self, place: Ints) -> None:
        """Write the directories; ``place`` gives for each number that was used for a series its final one."""
        self._file.end(f"{self._name}.pages")
        put = self._file.put
        put(f"{self._name}.group_first", "<u4", np.frombuffer(self._first_time_page, np.uint32))
        put(f"{self._name}.rows", "<u4", np.frombuffer(self._rows, np.uint32))
        put(f"{self._name}.start", "<i8", np.frombuffer(self._starts, np.int64))
        put(f"{self._name}.end", "<i8", np.frombuffer(self._ends, np.int64))
        self._times.finish(f"{self._name}.times")
        series = place[np.frombuffer(self._series, np.uint32)]
        group = np.frombuffer(self._group, np.uint32)
        pages = np.diff(np.frombuffer(self._first_time_page, np.uint32))[group].astype(np.int64)
        order = np.argsort(series, kind="stable")
        in_order = bool((order == np.arange(len(order))).all())
        put(f"{self._name}.series", "<u4", series[order])
        put(f"{self._name}.group", "<u4", group[order])
        put(f"{self._name}.first", "<u8", np.array([0, *accumulate(pages[order].tolist())], dtype=np.uint64))
        self._values.finish(f"{self._name}.values", None if in_order else _runs(pages, order))


def _runs(lengths: Ints, order: Ints) -> Ints:
    """Indices that bring runs of these lengths into another order."""
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
    """A section of an open block. What is damaged is told to ``damaged`` and reads as no sample."""

    def __init__(self, file: ArrayFile, damaged: Callable[[StorageError], None], name: str = FLOATS) -> None:
        payloads = file.bytes(f"{name}.pages")
        self.group_first: NDArray[np.uint32] = file.array(f"{name}.group_first")
        self.rows: NDArray[np.uint32] = file.array(f"{name}.rows")
        self.start: Ints = file.array(f"{name}.start")
        self.end: Ints = file.array(f"{name}.end")
        self.times = PageReader(file, f"{name}.times", payloads, 0, damaged)
        self.series: NDArray[np.uint32] = file.array(f"{name}.series")
        self.group: NDArray[np.uint32] = file.array(f"{name}.group")
        self.first: NDArray[np.uint64] = file.array(f"{name}.first")
        self.values = PageReader(file, f"{name}.values", payloads, MISSING_BITS, damaged)

    def locate(self, series: Ints) -> tuple[Ints, Ints]:
        """``(columns, at)``: the columns of those of the series (ascending) that have one, and their places."""
        if len(self.series) == 0 or len(series) == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if int(self.series[-1]) + 1 == len(self.series):  # every series has a column
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
        """A column's pages as they are: payloads, or the bits of constant pages. Raises ``StorageError``."""
        low, high = int(self.first[column]), int(self.first[column + 1])
        sizes = self.values.size[low:high].tolist()
        words = self.values.word[low:high].tolist()
        pages = range(low, high)
        return [
            bytes(self.values.payload(page)) if size else word
            for page, size, word in zip(pages, sizes, words, strict=True)
        ]

    def lengths(self, group: int) -> list[int]:
        """The lengths of a group's pages."""
        found: list[int] = self.rows[int(self.group_first[group]) : int(self.group_first[group + 1])].tolist()
        return found

    def column_values(self, column: int) -> NDArray[np.float64]:
        """All cells of a column."""
        lengths = self.lengths(int(self.group[column]))
        values = np.empty(sum(lengths))
        at, page = 0, int(self.first[column])
        for length in lengths:
            self.values.read(page, values[at : at + length])
            at, page = at + length, page + 1
        return values

    def _times(self, low: int, high: int) -> Ints:
        lengths = self.rows[low:high].tolist()
        times = np.empty(sum(lengths), dtype=np.int64)
        at = 0
        for page, length in enumerate(lengths, low):
            self.times.read(page, times[at : at + length])
            at += length
        return times
