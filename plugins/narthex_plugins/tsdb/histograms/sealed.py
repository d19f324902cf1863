"""Sealed histograms: a file of segments, each the samples of one series with one layout, compressed with pcodec.

A segment has five pages: times, start timestamps, hints, sums, and the counts of all buckets. Counts stand bucket by
bucket, and where they are whole numbers, as in counters they are, as differences from sample to sample: a bucket that
nothing was added to takes no space. What a query does not ask for is neither read nor decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.storage.frames import NO_START, HistogramPoints
from narthex_plugins.tsdb.blocks.pages import PageReader, PageWriter
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter
from narthex_plugins.tsdb.histograms.columns import Columns, ranges
from narthex_plugins.tsdb.histograms.layout import FIXED, Layout, layouts_from_bytes, layouts_to_bytes

__all__ = ["SealedHistograms", "write_histograms"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_TIMES, _STARTS, _HINTS, _SUMS, _COUNTS = range(5)
_PAGES = 5

_WHOLE = float(1 << 53)
"""Up to here float64 holds every whole number, so differences of counts lose nothing."""

_SUM = 1
"""Where the sum stands in a sample's row of numbers."""


def write_histograms(columns: Columns, number: int, path: Path) -> None:
    """Write columns that are sorted by series, then time. Raises ``OSError``."""
    facts = {
        "kind": "histograms",
        "number": number,
        "min_time": int(columns.times.min()),
        "max_time": int(columns.times.max()),
    }
    starts, ends = _segments(columns)
    whole = np.zeros(len(starts), dtype=np.uint8)
    with ArrayFileWriter(path, facts) as file:
        pages = PageWriter(file)
        file.begin()
        for at, (low, high) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            whole[at] = _write_segment(pages, columns, low, high)
        file.end("pages")
        pages.finish("page")
        file.put("ref", "<i4", columns.refs[starts])
        file.put("layout", "<i4", columns.layout[starts])
        file.put("count", "<i4", ends - starts)
        file.put("first", "<i8", columns.times[starts])
        file.put("last", "<i8", columns.times[ends - 1])
        file.put("whole", "|u1", whole)
        file.begin()
        file.write(isal_zlib.compress(layouts_to_bytes(columns.layouts), 1))
        file.end("layouts")


def _segments(columns: Columns) -> tuple[Ints, Ints]:
    """Where runs of samples of one series and one layout begin and end."""
    changes = (np.diff(columns.refs) != 0) | (np.diff(columns.layout) != 0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    return starts, np.append(starts[1:], len(columns))


def _write_segment(pages: PageWriter, columns: Columns, low: int, high: int) -> bool:
    """Write the pages of a segment; whether its counts are whole numbers."""
    numbers = columns.numbers[columns.offsets[low] : columns.offsets[high]].reshape(high - low, -1)
    pages.put(columns.times[low:high])
    pages.put(columns.starts[low:high])
    pages.put(columns.hints[low:high].astype(np.int64))
    pages.put(np.ascontiguousarray(numbers[:, _SUM]))
    counts = np.delete(numbers, _SUM, axis=1)
    whole = bool((np.abs(counts) < _WHOLE).all() and (counts == np.rint(counts)).all())
    if not whole:
        pages.put(np.ascontiguousarray(counts.T).reshape(-1))
        return False
    steps = counts.astype(np.int64)
    steps[1:] -= counts[:-1].astype(np.int64)
    pages.put(np.ascontiguousarray(steps.T).reshape(-1))
    return True


class SealedHistograms:
    """An open file. A damaged segment reads as absent, and ``damaged`` is told."""

    in_memory = False

    def __init__(self, file: ArrayFile, damaged: Callable[[StorageError], None]) -> None:
        self.file = file
        self.number = int(file.facts["number"])
        self.min_time, self.max_time = int(file.facts["min_time"]), int(file.facts["max_time"])
        self._ref: NDArray[np.int32] = file.array("ref")
        self._layout: NDArray[np.int32] = file.array("layout")
        self._count: NDArray[np.int32] = file.array("count")
        self._first: Ints = file.array("first")
        self._last: Ints = file.array("last")
        self._whole: NDArray[np.uint8] = file.array("whole")
        self._layouts: list[Layout] = layouts_from_bytes(isal_zlib.decompress(file.bytes("layouts")))
        self._broken = False
        self._damaged = damaged
        self._pages = PageReader(file, "page", file.bytes("pages"), 0, self._break)

    def _break(self, error: StorageError) -> None:
        self._broken = True
        self._damaged(error)

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there are samples for them."""
        flags = np.zeros(count, dtype=np.bool_)
        flags[self._ref[: np.searchsorted(self._ref, np.int32(count))]] = True
        return flags

    def references(self) -> Ints:
        """The series, ascending."""
        return np.unique(self._ref).astype(np.int64)

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """Samples of these series (ascending) in a window; ``series`` counts places in ``refs``."""
        if self.max_time < start or self.min_time > end or not len(refs):
            return HistogramPoints.none()
        wanted = refs.astype(np.int32)
        low = np.searchsorted(self._ref, wanted, side="left")
        lengths = np.searchsorted(self._ref, wanted, side="right") - low
        segments = ranges(low, lengths)
        places = np.repeat(np.arange(len(refs)), lengths)
        inside = (self._first[segments] <= end) & (self._last[segments] >= start)
        found = list(self._read(segments[inside], places[inside], start, end))
        if not found:
            return HistogramPoints.none()
        series, times, starts = (np.concatenate([one[at] for one in found]) for at in range(3))
        values = np.empty(len(times), dtype=np.object_)
        values[:] = [value for _, _, _, held in found for value in held]
        return HistogramPoints(series, times, values, starts if (starts != NO_START).any() else None)

    def _read(
        self, segments: Ints, places: Ints, start: int, end: int
    ) -> Iterator[tuple[Ints, Ints, Ints, list[object]]]:
        """Series, times, starts and values of the samples of each segment that lie in the window."""
        for segment, place in zip(segments.tolist(), places.tolist(), strict=True):
            count, layout = int(self._count[segment]), self._layouts[self._layout[segment]]
            self._broken = False
            times = self._ints(segment, _TIMES, count)
            rows = np.flatnonzero((times >= start) & (times <= end))
            numbers = self._numbers(segment, count, layout.width)[rows]
            hints = self._ints(segment, _HINTS, count)[rows].tolist()
            starts = self._ints(segment, _STARTS, count)[rows]
            if self._broken or not len(rows):
                continue
            values: list[object] = [layout.histogram(row, hint) for row, hint in zip(numbers, hints, strict=True)]
            yield np.full(len(rows), place), times[rows], starts, values

    def _ints(self, segment: int, page: int, count: int) -> Ints:
        into = np.empty(count, dtype=np.int64)
        self._pages.read(segment * _PAGES + page, into)
        return into

    def _numbers(self, segment: int, count: int, width: int) -> Floats:
        """The rows of numbers of a segment: float64 ``[count, width]``."""
        numbers = np.empty((count, width))
        sums = np.empty(count)
        self._pages.read(segment * _PAGES + _SUMS, sums)
        dtype = np.int64 if self._whole[segment] else np.float64
        flat = np.empty(count * (width - 1), dtype=dtype)
        self._pages.read(segment * _PAGES + _COUNTS, flat)
        counts = flat.reshape(width - 1, count)
        if self._whole[segment]:
            counts = np.cumsum(counts, axis=1)
        numbers[:, _SUM] = sums
        numbers[:, 0], numbers[:, 2:] = counts[0], counts[1:].T
        return numbers

    def check(self) -> None:
        """Compare the checksums of all pages. Raises ``StorageError``."""
        self._pages.check()


assert FIXED == 3
