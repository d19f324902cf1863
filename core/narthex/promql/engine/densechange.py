"""Rates of many series of native histograms at once: the difference of two rows, and what was lost at resets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from narthex.model.histogram import COUNT, Hint, Histogram
from narthex.promql.engine.denseruns import Kind, Numbers, RunWindows
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.runs import Run
from narthex.promql.engine.vector import Bools, Floats, Ints, Objects

__all__ = ["DenseChange"]


@dataclass(frozen=True, slots=True)
class DenseChange:
    """``rate``, ``increase`` or ``delta``."""

    counter: bool
    per_second: bool

    def takes(self, kind: Kind) -> bool:
        """Not gauges where a counter is meant: those are warned of."""
        return not (self.counter and kind.gauges)

    def compute(self, windows: RunWindows, notes: Notes) -> Objects:
        """See :class:`Dense`."""
        usable = windows.high - windows.low >= 2
        if not self.counter and not windows.kind.gauges:
            for column in np.flatnonzero(usable.any(axis=0)).tolist():
                notes.not_gauge(windows.runs[column].name)
        found = np.full(usable.shape, None)
        if usable.any():
            ends = _Ends(windows, usable, counter=self.counter)
            change = ends.change()
            change *= self._factor(ends, change, windows.start, windows.end)[:, None]
            found[usable] = ends.numbers.histograms(change, ends.columns, [Hint.GAUGE] * len(change))
        return found

    def _factor(self, ends: _Ends, change: Floats, start: Ints, end: Ints) -> Floats:
        """How far each change is extended to its window's bounds, by the rules for numbers."""
        begin, finish, steps, counted = ends.begin, ends.finish, ends.steps, ends.first[:, COUNT]
        sampled = (finish - begin) / 1000
        average = sampled / (ends.last_row - ends.first_row)
        to_start, to_end = (begin - start[steps]) / 1000, (end[steps] - finish) / 1000
        to_start = np.where(to_start >= average * 1.1, average / 2, to_start)
        to_end = np.where(to_end >= average * 1.1, average / 2, to_end)
        if self.counter:
            to_zero = sampled * (counted / change[:, COUNT])
            to_start = np.where((change[:, COUNT] > 0) & (counted >= 0), np.minimum(to_start, to_zero), to_start)
        factor: Floats = (sampled + to_start + to_end) / sampled
        return factor / (float(end[0] - start[0]) / 1000) if self.per_second else factor


class _Ends:
    """The first and last samples of the usable windows of some runs, one window after the other; ``M`` of them.

    Only these samples are read, and those before a reset.
    """

    def __init__(self, windows: RunWindows, usable: Bools, *, counter: bool) -> None:
        runs = windows.runs
        self.steps, self.columns = np.nonzero(usable)
        self.first_row, self.last_row = windows.low[usable], windows.high[usable] - 1
        base = np.cumsum([0, *(len(run.times) for run in runs)])
        times, own = np.concatenate([run.times for run in runs]), base[self.columns]
        self.begin, self.finish = times[own + self.first_row], times[own + self.last_row]
        self._resets = [(column, row) for column, run in enumerate(runs) for row in _resets(run)] if counter else []
        lost = np.array([base[column] + row - 1 for column, row in self._resets], dtype=np.int64)
        rows, place = np.unique(np.concatenate([own + self.first_row, own + self.last_row, lost]), return_inverse=True)
        first, last, self._lost = np.split(place.reshape(-1), [len(own), 2 * len(own)])
        owner = np.searchsorted(base, rows, side="right") - 1
        places = zip(owner.tolist(), (rows - base[owner]).tolist(), strict=True)
        samples = [runs[column].samples[row] for column, row in places]
        self.numbers = Numbers(windows, [one for one in samples if isinstance(one, Histogram)])
        self.first, self._last = self.numbers.matrix[first], self.numbers.matrix[last]

    def change(self) -> Floats:
        """Last less first, and what each counter had reached before each reset: ``[M, width]``.

        A first sample right before a reset adds nothing, so it is neither taken away nor given back. Resets are few.
        """
        alone = np.zeros(len(self.first), dtype=np.bool_)
        losses = []
        for (column, row), place in zip(self._resets, self._lost.tolist(), strict=True):
            inside = (self.columns == column) & (self.first_row < row) & (row <= self.last_row)
            at_once = inside & (self.first_row == row - 1)
            alone |= at_once
            losses.append((inside & ~at_once, place))
        change = self._last - np.where(alone[:, None], 0.0, self.first)
        for inside, place in losses:
            change[inside] += self.numbers.matrix[place]
        return change


def _resets(run: Run) -> list[int]:
    return [
        row
        for row, one in enumerate(run.samples)
        if row and isinstance(one, Histogram) and one.hint is not Hint.NOT_RESET and run.reset_at(row)
    ]
