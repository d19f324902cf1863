"""Rates of regular series of native histograms, for many series and all steps at once.

Most series of histograms keep their buckets for as long as a query looks. Those of one layout are then columns like
numbers are: a row holds count, sum, zero bucket and all other buckets of a sample. The change over a window is the
difference of two rows and what was lost at resets. Only the rows that some window begins or ends with are read.
Measured for 500 series over 31 steps: a twentieth of the time that window by window takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from narthex.model.histogram import Buckets, Hint, Histogram
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.runs import Run
from narthex.promql.engine.vector import Bools, Floats, Ints, Objects

__all__ = ["DenseChange", "Layout", "layout_of"]

_CELLS = 1 << 21
"""Numbers of one batch of windows (16 MB of float64)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What all samples of some runs have in common. ``key`` is equal where layouts are."""

    sample: Histogram
    key: tuple[object, ...]
    gauges: bool


def layout_of(run: Run) -> Layout | None:
    """The layout of a run whose samples all have one; None for any other."""
    first = run.samples[0]
    if run.starts or not isinstance(first, Histogram):
        return None
    gauges = first.hint is Hint.GAUGE
    for one in run.samples:
        if not isinstance(one, Histogram) or (one.hint is Hint.GAUGE) != gauges or not _same_layout(first, one):
            return None
    positive, negative = first.positive.index, first.negative.index
    key = (first.schema, first.zero_threshold, first.bounds, positive.tobytes(), negative.tobytes(), gauges)
    return Layout(first, key, gauges)


def _same_layout(one: Histogram, other: Histogram) -> bool:
    return (
        one.schema == other.schema
        and one.zero_threshold == other.zero_threshold
        and (one.bounds is other.bounds or one.bounds == other.bounds)
        and (one.positive.index is other.positive.index or np.array_equal(one.positive.index, other.positive.index))
        and (one.negative.index is other.negative.index or np.array_equal(one.negative.index, other.negative.index))
    )


@dataclass(frozen=True, slots=True)
class DenseChange:
    """``rate``, ``increase`` or ``delta`` of runs of one layout."""

    counter: bool
    per_second: bool

    def takes(self, layout: Layout) -> bool:
        """Whether there is nothing to say about single samples: no gauge where a counter is meant."""
        return not (self.counter and layout.gauges)

    def histograms(
        self, runs: Sequence[Run], layout: Layout, start: Ints, end: Ints, notes: Notes
    ) -> Iterator[tuple[slice, Objects]]:
        """The histograms of each part of the runs, object ``[K, part]``, None where there is none.

        ``start`` and ``end`` (int64 ``[K]``, ms) bound the windows.
        """
        width = 3 + len(layout.sample.positive) + len(layout.sample.negative)
        size = max(1, _CELLS // (width * len(start)))
        for at in range(0, len(runs), size):
            part = slice(at, at + size)
            yield part, self._part(runs[part], layout, start, end, notes)

    def _part(self, runs: Sequence[Run], layout: Layout, start: Ints, end: Ints, notes: Notes) -> Objects:
        low, high = (
            np.stack([np.searchsorted(run.times, bound, side="right") for run in runs], axis=1)
            for bound in (start, end)
        )
        windows = _Windows(runs, high - low >= 2, low, high)
        if not self.counter and not layout.gauges:
            for column in np.flatnonzero(windows.usable.any(axis=0)).tolist():
                notes.not_gauge(runs[column].name)
        first = windows.first
        change = windows.last - first
        if self.counter:
            windows.add_losses(change)
        change *= self._factor(windows, first, change, start, end)[:, None]
        found = np.full(windows.usable.shape, None)
        found[windows.usable] = _objects(layout.sample, change)
        return found

    def _factor(self, windows: _Windows, first: Floats, change: Floats, start: Ints, end: Ints) -> Floats:
        """How far each change is extended to its window's bounds, by the rules for numbers."""
        begin, finish, steps = windows.begin, windows.finish, windows.steps
        sampled = (finish - begin) / 1000
        average = sampled / (windows.counts - 1)
        to_start, to_end = (begin - start[steps]) / 1000, (end[steps] - finish) / 1000
        to_start = np.where(to_start >= average * 1.1, average / 2, to_start)
        to_end = np.where(to_end >= average * 1.1, average / 2, to_end)
        if self.counter:
            to_zero = sampled * (first[:, 0] / change[:, 0])
            to_start = np.where((change[:, 0] > 0) & (first[:, 0] >= 0), np.minimum(to_start, to_zero), to_start)
        factor: Floats = (sampled + to_start + to_end) / sampled
        return factor / (float(end[0] - start[0]) / 1000) if self.per_second else factor


class _Windows:
    """The usable windows of some runs, one after the other; ``M`` of them. Their first and last rows as numbers."""

    def __init__(self, runs: Sequence[Run], usable: Bools, low: Ints, high: Ints) -> None:
        self.usable = usable
        self._runs = runs
        self.steps, self._columns = np.nonzero(usable)
        self._low, self._high = low[usable], high[usable] - 1
        self._base = np.cumsum([0, *(len(run.times) for run in runs)])
        self._times = np.concatenate([run.times for run in runs])
        self._resets = [(column, row) for column, run in enumerate(runs) for row in _resets(run)]
        lost = np.array([self._base[column] + row - 1 for column, row in self._resets], dtype=np.int64)
        own = self._base[self._columns]
        self._rows, place = np.unique(np.concatenate([own + self._low, own + self._high, lost]), return_inverse=True)
        self._first, self._last, self._lost = np.split(place.reshape(-1), [len(own), 2 * len(own)])
        self._numbers = self._read()

    def _read(self) -> Floats:
        """Count, sum, zero bucket and all others of the rows that matter: float64 ``[rows, width]``."""
        samples = []
        owner = np.searchsorted(self._base, self._rows, side="right") - 1
        for column, row in zip(owner.tolist(), (self._rows - self._base[owner]).tolist(), strict=True):
            one = self._runs[column].samples[row]
            assert isinstance(one, Histogram)  # the runs have a layout
            samples.append(one)
        if not samples:
            return np.zeros((0, 3))
        numbers = np.array([(one.count, one.sum, one.zero_count) for one in samples])
        positive = np.array([one.positive.counts for one in samples])
        negative = np.array([one.negative.counts for one in samples])
        return np.concatenate([numbers, positive, negative], axis=1)

    @property
    def first(self) -> Floats:
        """The first sample of each window: ``[M, width]``."""
        return self._numbers[self._first]

    @property
    def last(self) -> Floats:
        """The last one."""
        return self._numbers[self._last]

    @property
    def begin(self) -> Ints:
        """The time of the first sample: ``[M]``, ms."""
        return self._times[self._base[self._columns] + self._low]

    @property
    def finish(self) -> Ints:
        """The time of the last one."""
        return self._times[self._base[self._columns] + self._high]

    @property
    def counts(self) -> Ints:
        """Samples in each window."""
        return self._high - self._low + 1

    def add_losses(self, change: Floats) -> None:
        """Add to each window what its counter had reached before each reset. Resets are few."""
        for (column, row), place in zip(self._resets, self._lost.tolist(), strict=True):
            inside = (self._columns == column) & (self._low < row) & (row <= self._high)
            change[inside] += self._numbers[place]


def _resets(run: Run) -> list[int]:
    return [
        row
        for row, one in enumerate(run.samples)
        if row and isinstance(one, Histogram) and one.hint is not Hint.NOT_RESET and run.reset_at(row)
    ]


def _objects(sample: Histogram, rows: Floats) -> Objects:
    """Rows of numbers as histograms, which are gauges."""
    positive, negative, split = sample.positive.index, sample.negative.index, 3 + len(sample.positive)
    found = np.empty(len(rows), dtype=np.object_)
    for at, (row, (count, total, zero)) in enumerate(zip(rows, rows[:, :3].tolist(), strict=True)):
        found[at] = Histogram(
            sample.schema,
            sample.zero_threshold,
            zero,
            count,
            total,
            Buckets(positive, row[3:split]),
            Buckets(negative, row[split:]),
            sample.bounds,
            Hint.GAUGE,
        )
    return found
