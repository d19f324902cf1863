"""Writing histograms: segments, each the samples of one series with one layout, compressed with pcodec.

A segment has a page each of start timestamps, hints, sums and counts. Counts stand bucket by bucket, and where they are
whole numbers, as in counters they are, as differences from sample to sample: a bucket that nothing was added to takes
no space. Pages of times stand apart, because the histograms of one target were all sampled at the same moments.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from narthex.model.histogram import Hint
from narthex_plugins.tsdb.blocks.histograms import SUM, HistogramSection
from narthex_plugins.tsdb.blocks.pages import PageWriter, page_rows
from narthex_plugins.tsdb.container import ArrayFileWriter
from narthex_plugins.tsdb.histograms.columns import Columns
from narthex_plugins.tsdb.histograms.layout import Layouts, layouts_to_bytes

__all__ = ["SEGMENT_ROWS", "HistogramWriter"]

Ints = NDArray[np.int64]

SEGMENT_ROWS = 512
"""Most samples in a segment: two hours of samples every 15 s are 480, and one moment decodes no more."""

_WHOLE = float(1 << 53)
"""Up to here float64 holds every whole number, so differences of counts lose nothing."""


class HistogramWriter:
    """Writes the section; the file must be at nothing else until :meth:`finish`. Raises ``OSError``.

    Series come in ascending order, the samples of each in order of time.
    """

    def __init__(self, file: ArrayFileWriter) -> None:
        self._file = file
        self._times = PageWriter(file)
        self._pages = PageWriter(file)
        self._known: dict[bytes, int] = {}
        self._layouts = Layouts()
        self._series, self._layout, self._rows, self._moments = (array("I") for _ in range(4))
        self._first, self._last = array("q"), array("q")
        self._whole = array("B")
        file.begin()

    @property
    def samples(self) -> int:
        """Samples so far."""
        return sum(self._rows)

    def bounds(self) -> list[int]:
        """The oldest and the newest time (ms); nothing without a sample."""
        return [min(self._first), max(self._last)] if self._rows else []

    def put(self, series: int, columns: Columns) -> None:
        """Samples of one series, whatever their references."""
        for low, high in _segments(columns):
            number = self._layouts.number(columns.layouts[columns.layout[low]])
            times = columns.times[low:high]
            self._entered(series, number, self._moment(times), (int(times[0]), int(times[-1]), high - low))
            self._whole.append(self._write(columns, low, high))

    def again(self, series: int, section: HistogramSection, segment: int, *, joined: bool) -> None:
        """A segment of another file as it is; ``joined`` when what stands before it comes from elsewhere.

        Then its first sample loses its hint. Raises ``StorageError`` when the segment is damaged.
        """
        facts = section.bounds(segment)
        key, moments = section.encoded_times(segment)
        page = self._known.get(key)
        if page is None:
            page = self._known[key] = len(self._times)
            self._times.again([moments])
        self._entered(series, self._layouts.number(section.layout(segment)), page, facts)
        starts, hints, *numbers = section.encoded(segment)
        known = section.hints(segment) if joined else None
        self._pages.again([starts])
        if known is None or known[0] in (Hint.UNKNOWN, Hint.GAUGE):
            self._pages.again([hints])
        else:
            known[0] = Hint.UNKNOWN
            self._pages.put(known)
        self._pages.again(numbers)
        self._whole.append(section.is_whole(segment))

    def finish(self) -> None:
        """Write the directories."""
        self._file.end("histogram.pages")
        for name, dtype, numbers in (
            ("series", "<u4", self._series),
            ("layout", "<u4", self._layout),
            ("rows", "<u4", self._rows),
            ("moments", "<u4", self._moments),
            ("first", "<i8", self._first),
            ("last", "<i8", self._last),
            ("whole", "|u1", self._whole),
        ):
            self._file.put(f"histogram.{name}", dtype, np.frombuffer(numbers, dtype=dtype))
        self._times.finish("histogram.times")
        self._pages.finish("histogram.values")
        self._file.begin()
        self._file.write(isal_zlib.compress(layouts_to_bytes(self._layouts.all), 1))
        self._file.end("histogram.layouts")

    def _entered(self, series: int, layout: int, moments: int, facts: tuple[int, int, int]) -> None:
        first, last, rows = facts
        self._series.append(series)
        self._layout.append(layout)
        self._moments.append(moments)
        self._first.append(first)
        self._last.append(last)
        self._rows.append(rows)

    def _moment(self, times: Ints) -> int:
        """The page of these times; equal ones share it."""
        key = blake2b(times.tobytes(), digest_size=16).digest()
        page = self._known.get(key)
        if page is None:
            page = self._known[key] = len(self._times)
            self._times.put(times)
        return page

    def _write(self, columns: Columns, low: int, high: int) -> bool:
        """Write the pages of a segment; whether its counts are whole numbers."""
        numbers = columns.numbers[columns.offsets[low] : columns.offsets[high]].reshape(high - low, -1)
        self._pages.put(columns.starts[low:high])
        self._pages.put(columns.hints[low:high].astype(np.int64))
        self._pages.put(np.ascontiguousarray(numbers[:, SUM]))
        counts = np.delete(numbers, SUM, axis=1)
        whole = bool((np.abs(counts) < _WHOLE).all() and (counts == np.rint(counts)).all())
        if not whole:
            self._pages.put(np.ascontiguousarray(counts.T).reshape(-1))
            return False
        steps = counts.astype(np.int64)
        steps[1:] -= counts[:-1].astype(np.int64)
        self._pages.put(np.ascontiguousarray(steps.T).reshape(-1))
        return True


def _segments(columns: Columns) -> Iterator[tuple[int, int]]:
    """Where runs of samples of one layout begin and end, none longer than a segment may be."""
    changes = (np.flatnonzero(np.diff(columns.layout)) + 1).tolist()
    for low, high in pairwise([0, *changes, len(columns)]):
        at = low
        for rows in page_rows(high - low, SEGMENT_ROWS):
            yield at, at + rows
            at += rows
