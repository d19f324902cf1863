"""Sums and means over windows of many series of native histograms at once: sums of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from narthex.model.histogram import Hint, Histogram, exact_sum, joined_hints
from narthex.promql.engine.denseruns import Kind, Numbers, RunWindows
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Bools, Floats, Ints, Objects

__all__ = ["DenseSum"]

_CANCELLED = 1e3
"""Absolute values that add up to so many times the sum itself: it is made again without rounding."""


@dataclass(frozen=True, slots=True)
class DenseSum:
    """``sum_over_time`` or, with ``mean``, ``avg_over_time``."""

    mean: bool

    def takes(self, kind: Kind) -> bool:  # noqa: ARG002 - the protocol's signature
        """Any run of one kind."""
        return True

    def compute(self, windows: RunWindows, notes: Notes) -> Objects:
        """See :class:`Dense`."""
        base = np.cumsum([0, *(len(run.times) for run in windows.runs)])[:-1]
        samples = [one for run in windows.runs for one in run.samples if isinstance(one, Histogram)]
        usable = windows.high > windows.low
        begins, ends = (windows.low + base)[usable], (windows.high + base)[usable]
        found = np.full(usable.shape, None)
        if not len(begins):
            return found
        seen = _hints_within(samples, begins, ends)
        if seen[:, [Hint.RESET, Hint.NOT_RESET]].all(axis=1).any():
            notes.conflicting_resets("aggregation")
        numbers = Numbers(windows, samples)
        sums = _sums_within(numbers.matrix, begins, ends)
        if self.mean:
            sums /= (ends - begins)[:, None]
        found[usable] = numbers.histograms(sums, np.nonzero(usable)[1], joined_hints(seen))
        return found


def _hints_within(samples: Sequence[Histogram], begins: Ints, ends: Ints) -> Bools:
    """Which hints stand in each window: bool ``[M, 4]``."""
    flags = np.zeros((len(samples) + 1, len(Hint)), dtype=np.int64)
    flags[np.arange(1, len(samples) + 1), [one.hint for one in samples]] = 1
    running = np.cumsum(flags, axis=0)
    return np.asarray(running[ends] > running[begins])


def _sums_within(matrix: Floats, begins: Ints, ends: Ints) -> Floats:
    """The sum of the rows of each window (none is empty); what cancels is added again without rounding."""
    padded = np.concatenate([matrix, np.zeros((1, matrix.shape[1]))])  # an end may lie behind the last row
    pairs = np.stack([begins, ends], axis=1).reshape(-1)
    sums: Floats = np.add.reduceat(padded, pairs)[::2]
    if matrix.min() >= 0:  # nothing can have cancelled; a NaN is not >= 0
        return sums
    sizes = np.add.reduceat(np.abs(padded), pairs)[::2]
    doubtful = (sizes > np.abs(sums) * _CANCELLED) | ~np.isfinite(sizes)
    for window, column in zip(*(axis.tolist() for axis in np.nonzero(doubtful)), strict=True):
        sums[window, column] = exact_sum(matrix[begins[window] : ends[window], column].tolist())
    return sums
