"""The histograms of an open file, a block or one of the head: how they were written tells :mod:`.histogramwriter`.

What a query does not ask for is neither read nor decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.storage.frames import NO_START, HistogramPoints
from narthex_plugins.tsdb.blocks.pages import PageReader
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.histograms.columns import Columns, ranges
from narthex_plugins.tsdb.histograms.layout import FIXED, Layout, layouts_from_bytes, weight_of

__all__ = ["SUM", "HistogramSection"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Decoded = tuple[Ints, Ints, Ints, Floats]
"""Times, start timestamps, hints and numbers ``[rows, width]`` of a segment."""

_FAR = 1 << 62
_STARTS, _HINTS, _SUMS, _COUNTS = range(4)
_PAGES = 4

SUM = 1
"""Where the sum stands in a sample's row of numbers."""


class HistogramSection:
    """Series are numbered as in the file: by their place in a block, by reference in a file of the head.

    A damaged segment reads as absent, and ``damaged`` is told.
    """

    def __init__(self, file: ArrayFile, damaged: Callable[[StorageError], None]) -> None:
        payloads = file.bytes("histogram.pages")
        self.series: NDArray[np.uint32] = file.array("histogram.series")
        """The series of each segment, ascending."""
        self.first: Ints = file.array("histogram.first")
        self.last: Ints = file.array("histogram.last")
        self.rows: NDArray[np.uint32] = file.array("histogram.rows")
        self._layout: NDArray[np.uint32] = file.array("histogram.layout")
        self._moments: NDArray[np.uint32] = file.array("histogram.moments")
        self._whole: NDArray[np.uint8] = file.array("histogram.whole")
        self.layouts: list[Layout] = layouts_from_bytes(isal_zlib.decompress(file.bytes("histogram.layouts")))
        self._times = PageReader(file, "histogram.times", payloads, 0, damaged)
        self._pages = PageReader(file, "histogram.values", payloads, 0, damaged)
        self._path = file.path

    def find(self, series: Ints) -> tuple[Ints, Ints]:
        """Where the segments of some series begin and end."""
        wanted = series.astype(self.series.dtype)
        return np.searchsorted(self.series, wanted), np.searchsorted(self.series, wanted, side="right")

    def pick(self, series: Ints, start: int, end: int) -> HistogramPoints:
        """Samples of these series (ascending) in a window (ms, inclusive); ``series`` counts places in ``series``."""
        low, high = self.find(series)
        segments = ranges(low, high - low)
        places = np.repeat(np.arange(len(series)), high - low)
        inside = (self.first[segments] <= end) & (self.last[segments] >= start)
        found = list(self._inside(segments[inside], places[inside], start, end))
        if not found:
            return HistogramPoints.none()
        own, times, starts = (np.concatenate([one[at] for one in found]) for at in range(3))
        values = np.empty(len(times), dtype=np.object_)
        values[:] = [value for _, _, _, held in found for value in held]
        return HistogramPoints(own, times, values, starts if (starts != NO_START).any() else None)

    def weight(self, series: Ints, start: int, end: int) -> int:
        """For about how many float samples those count: by the segments' share of the window, reading none."""
        low, high = self.find(series)
        segments = ranges(low, high - low)
        first, last = self.first[segments], self.last[segments]
        shares = (np.minimum(last, end) - np.maximum(first, start) + 1) / (last - first + 1)
        widths = np.array([one.width for one in self.layouts], dtype=np.int64)[self._layout[segments]]
        return int((np.maximum(shares, 0.0) * self.rows[segments] * weight_of(widths)).sum())

    def columns(self, segments: Ints) -> Columns:
        """All samples of some segments. Raises ``StorageError`` when one is damaged."""
        found = []
        for segment in segments.tolist():
            decoded = self._decoded(segment)
            if decoded is None:
                raise StorageError(f"{self._path}: segment {segment} of its histograms is damaged")
            found.append(decoded)
        times, starts, hints = (np.concatenate([one[at] for one in found]) for at in range(3))
        rows = [len(one[0]) for one in found]
        layout = np.repeat(self._layout[segments].astype(np.int32), rows)
        offsets = np.zeros(len(times) + 1, dtype=np.int64)
        np.cumsum(np.repeat([one[3].shape[1] for one in found], rows), out=offsets[1:])
        numbers = np.concatenate([one[3].reshape(-1) for one in found])
        refs = np.repeat(self.series[segments].astype(np.int32), rows)
        return Columns(refs, times, starts, hints.astype(np.uint8), layout, numbers, offsets, self.layouts)

    def times(self, segment: int) -> Ints:
        """The times of a segment. Raises ``StorageError`` when they are damaged."""
        times = np.empty(int(self.rows[segment]), dtype=np.int64)
        if not self._times.read(int(self._moments[segment]), times):
            raise StorageError(f"{self._path}: the times of segment {segment} of its histograms are damaged")
        return times

    def hints(self, segment: int) -> Ints:
        """The hints of a segment. Raises ``StorageError`` when they are damaged."""
        hints = np.empty(int(self.rows[segment]), dtype=np.int64)
        if not self._pages.read(segment * _PAGES + _HINTS, hints):
            raise StorageError(f"{self._path}: the hints of segment {segment} of its histograms are damaged")
        return hints

    def counted(self, series: Ints) -> Ints:
        """The bytes (without times) and the samples of some series: ``[2, series]``."""
        sizes = self._pages.size.reshape(-1, _PAGES).sum(axis=1, dtype=np.int64)
        filled = np.zeros((2, len(sizes) + 1), dtype=np.int64)
        np.cumsum([sizes, self.rows], axis=1, out=filled[:, 1:])
        low, high = self.find(series)
        found: Ints = filled[:, high] - filled[:, low]
        return found

    def span(self, series: Ints) -> tuple[Ints, Ints]:
        """The first and last time of some series; far future and far past where there is none."""
        low, high = self.find(series)
        there = high > low
        first, last = np.full(len(series), _FAR), np.full(len(series), -_FAR)
        first[there], last[there] = self.first[low[there]], self.last[high[there] - 1]
        return first, last

    def verify(self) -> None:
        """Decode everything. Raises ``StorageError``."""
        for segment in range(len(self.series)):
            self.columns(np.array([segment]))

    # --- segments as they are -----------------------------------------------------------------------------------------

    def layout(self, segment: int) -> Layout:
        """The layout of a segment."""
        return self.layouts[int(self._layout[segment])]

    def is_whole(self, segment: int) -> bool:
        """Whether its counts are whole numbers."""
        return bool(self._whole[segment])

    def bounds(self, segment: int) -> tuple[int, int, int]:
        """Its first and last time (ms), and its samples."""
        return int(self.first[segment]), int(self.last[segment]), int(self.rows[segment])

    def encoded(self, segment: int) -> list[int | bytes]:
        """Its pages. Raises ``StorageError``."""
        return self._pages.encoded(segment * _PAGES, (segment + 1) * _PAGES)

    def encoded_times(self, segment: int) -> tuple[bytes, int | bytes]:
        """Its page of times, and a key that equal pages have. Raises ``StorageError``."""
        at = int(self._moments[segment])
        (page,) = self._times.encoded(at, at + 1)
        data = page if isinstance(page, bytes) else page.to_bytes(8, "little")
        rows = int(self.rows[segment]).to_bytes(4, "little")
        return blake2b(data, digest_size=16, salt=rows).digest(), page

    # --- inside -------------------------------------------------------------------------------------------------------

    def _inside(
        self, segments: Ints, places: Ints, start: int, end: int
    ) -> Iterator[tuple[Ints, Ints, Ints, list[object]]]:
        """Series, times, starts and values of the samples of each segment that lie in the window."""
        for segment, place in zip(segments.tolist(), places.tolist(), strict=True):
            decoded = self._decoded(segment)
            if decoded is None:
                continue
            times, starts, hints, numbers = decoded
            rows = np.flatnonzero((times >= start) & (times <= end))
            layout = self.layout(segment)
            values: list[object] = [
                layout.histogram(row, hint) for row, hint in zip(numbers[rows], hints[rows].tolist(), strict=True)
            ]
            yield np.full(len(rows), place), times[rows], starts[rows], values

    def _decoded(self, segment: int) -> Decoded | None:
        """A segment; None when a page of it is damaged."""
        rows, width = int(self.rows[segment]), self.layout(segment).width
        whole = self._whole[segment]
        times, starts, hints = (np.empty(rows, dtype=np.int64) for _ in range(3))
        sums, counts = np.empty(rows), np.empty(rows * (width - 1), dtype=np.int64 if whole else np.float64)
        wanted: list[tuple[int, NDArray[Any]]] = [(_STARTS, starts), (_HINTS, hints), (_SUMS, sums), (_COUNTS, counts)]
        good = self._times.read(int(self._moments[segment]), times)
        if not good or not all(self._pages.read(segment * _PAGES + page, into) for page, into in wanted):
            return None
        buckets = counts.reshape(width - 1, rows)
        if whole:
            buckets = np.cumsum(buckets, axis=1)
        numbers = np.empty((rows, width))
        numbers[:, SUM] = sums
        numbers[:, :SUM], numbers[:, SUM + 1 :] = buckets[:SUM].T, buckets[SUM:].T
        return times, starts, hints, numbers


assert FIXED == 3
