"""Histogram samples as columns: parallel arrays, and one flat row of numbers for all buckets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import Histogram
from narthex.storage.frames import NO_START, HistogramPoints
from narthex_plugins.tsdb.histograms.layout import FIXED, Layout, Layouts, weight_of

__all__ = ["Columns", "Sample", "columns_of_samples", "gathered", "ranges"]

Ints = NDArray[np.int64]
Sample = tuple[int, int, int, Histogram]
"""Series reference, time, start timestamp (both ms), value."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """``n`` samples: ``refs`` int32, ``times`` and ``starts`` int64, ``hints`` uint8, ``layout`` int32, all ``[n]``.

    ``numbers`` (float64) holds the samples' rows one after the other; row ``i`` begins at ``offsets[i]`` (int64,
    ``[n + 1]``) and is as wide as ``layouts[layout[i]]`` says.
    """

    refs: NDArray[np.int32]
    times: Ints
    starts: Ints
    hints: NDArray[np.uint8]
    layout: NDArray[np.int32]
    numbers: NDArray[np.float64]
    offsets: Ints
    layouts: Sequence[Layout]

    def __len__(self) -> int:
        return len(self.refs)

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return 8 * len(self.numbers) + 33 * len(self.refs)

    def histograms(self, rows: Ints) -> list[Histogram]:
        """The values of some rows. They hold a copy of their numbers, not the whole of these columns."""
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        own = self.numbers[ranges(starts, ends - starts)]
        ends = np.cumsum(ends - starts)
        hints, kinds = self.hints[rows].tolist(), self.layout[rows].tolist()
        found, low = [], 0
        for high, kind, hint in zip(ends.tolist(), kinds, hints, strict=True):
            found.append(self.layouts[kind].histogram(own[low:high], hint))
            low = high
        return found

    def take(self, rows: Ints) -> Columns:
        """Some samples, copied."""
        low = self.offsets[rows]
        widths = self.offsets[rows + 1] - low
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(widths, out=offsets[1:])
        return Columns(
            self.refs[rows],
            self.times[rows],
            self.starts[rows],
            self.hints[rows],
            self.layout[rows],
            self.numbers[ranges(low, widths)],
            offsets,
            self.layouts,
        )

    def part(self, low: int, high: int) -> Columns:
        """The samples ``low`` <= i < ``high``, as views."""
        begin, end = self.offsets[[low, high]].tolist()
        cut = slice(low, high)
        return Columns(
            self.refs[cut],
            self.times[cut],
            self.starts[cut],
            self.hints[cut],
            self.layout[cut],
            self.numbers[begin:end],
            self.offsets[low : high + 1] - begin,
            self.layouts,
        )

    def samples(self) -> Iterable[Sample]:
        """Everything, one by one."""
        values = self.histograms(np.arange(len(self)))
        return zip(self.refs.tolist(), self.times.tolist(), self.starts.tolist(), values, strict=True)

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """Samples of these series (ascending) in a window; ``series`` counts places in ``refs``.

        The columns must be sorted by series, then time.
        """
        index, series = self._found(refs, start, end)
        if not len(index):
            return HistogramPoints.none()
        values = np.empty(len(index), dtype=np.object_)
        values[:] = self.histograms(index)
        starts = self.starts[index]
        return HistogramPoints(series, self.times[index], values, starts if (starts != NO_START).any() else None)

    def weight(self, refs: Ints, start: int, end: int) -> int:
        """For about how many float samples those count."""
        index, _ = self._found(refs, start, end)
        return int(weight_of(self.offsets[index + 1] - self.offsets[index]).sum())

    def _found(self, refs: Ints, start: int, end: int) -> tuple[Ints, Ints]:
        """The rows of these series in a window, and the place of each one's series."""
        wanted = refs.astype(np.int32)
        low = np.searchsorted(self.refs, wanted, side="left")
        lengths = np.searchsorted(self.refs, wanted, side="right") - low
        index = ranges(low, lengths)
        inside = (self.times[index] >= start) & (self.times[index] <= end)
        return index[inside], np.repeat(np.arange(len(refs)), lengths)[inside]


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """The indices of runs, one run after the other."""
    before = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths))


def columns_of_samples(samples: Sequence[Sample]) -> Columns:
    """Columns of samples, in their order."""
    layouts = Layouts()
    kinds = [layouts.of(value) for _, _, _, value in samples]
    offsets = np.zeros(len(samples) + 1, dtype=np.int64)
    np.cumsum([layouts.all[kind].width for kind in kinds], out=offsets[1:])
    numbers = np.empty(int(offsets[-1]))
    for at, (_, _, _, value) in zip(offsets.tolist(), samples, strict=False):
        middle = at + FIXED + len(value.positive)
        numbers[at : at + FIXED] = value.count, value.sum, value.zero_count
        numbers[at + FIXED : middle] = value.positive.counts
        numbers[middle : middle + len(value.negative)] = value.negative.counts
    return Columns(
        np.array([ref for ref, _, _, _ in samples], dtype=np.int32),
        np.array([when for _, when, _, _ in samples], dtype=np.int64),
        np.array([start for _, _, start, _ in samples], dtype=np.int64),
        np.array([value.hint for _, _, _, value in samples], dtype=np.uint8),
        np.array(kinds, dtype=np.int32),
        numbers,
        offsets,
        layouts.all,
    )


def gathered(several: Sequence[Columns]) -> Columns:
    """All samples one after the other, with common layouts."""
    layouts = Layouts()
    kinds = [np.array([layouts.number(one) for one in part.layouts], dtype=np.int32)[part.layout] for part in several]
    refs, times, starts, hints, numbers = (
        np.concatenate([getattr(part, name) for part in several])
        for name in ("refs", "times", "starts", "hints", "numbers")
    )
    offsets = np.zeros(len(refs) + 1, dtype=np.int64)
    np.cumsum(np.concatenate([np.diff(part.offsets) for part in several]), out=offsets[1:])
    return Columns(refs, times, starts, hints, np.concatenate(kinds), numbers, offsets, layouts.all)
