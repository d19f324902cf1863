"""Turn what was computed into a query's answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from narthex.model.histogram import Histogram, sample_sizes
from narthex.model.labeltable import LabelTable
from narthex.promql.engine.query import Budget, Steps
from narthex.promql.engine.runs import Run
from narthex.promql.engine.selectors import Ranged
from narthex.promql.engine.vector import Floats, Ints, Objects, Vector, each_histogram, holding
from narthex.promql.engine.window import Window
from narthex.promql.value import InstantVector, RangeVector, Scalar, Value

__all__ = ["from_scalar", "from_vector", "label_order", "range_vector", "whole_windows"]


def from_vector(vector: Vector, steps: Steps) -> Value:
    """The answer of an instant query (order kept), or of a range query (sorted by labels)."""
    vector = vector.finished()
    if vector.histograms is not None:
        values = np.where(holding(vector.histograms), 0.0, vector.values)
        vector = replace(vector, values=values, histograms=each_histogram(vector.histograms, Histogram.compact))
    if steps.instant:
        histograms = None if vector.histograms is None else vector.histograms[0]
        return InstantVector(vector.labels, vector.values[0], int(steps.times[0]), histograms)
    if vector.size > 1:
        vector = vector.take(label_order(vector.labels))
    values, objects = vector.values.T, None if vector.histograms is None else vector.histograms.T
    if vector.present is None:
        offsets, times = np.arange(vector.size + 1) * vector.steps, np.tile(steps.times, vector.size)
        flat = None if objects is None else objects.reshape(-1)
        return RangeVector(vector.labels, offsets, times, values.reshape(-1), flat)
    counts = np.count_nonzero(vector.present, axis=0)
    times, mask = np.broadcast_to(steps.times, (vector.size, vector.steps)), vector.present.T
    flat = None if objects is None else objects[mask]
    return range_vector(vector.labels, counts, times[mask], values[mask], flat)


def from_scalar(values: Floats, steps: Steps) -> Value:
    """A number; in a range query a series without labels."""
    if steps.instant:
        return Scalar(float(values[0]), int(steps.times[0]))
    counts = np.array([steps.count])
    return range_vector(LabelTable(1, {}), counts, steps.times, values)


def range_vector(
    labels: LabelTable, counts: Ints, times: Ints, values: Floats, histograms: Objects | None = None
) -> RangeVector:
    """Flat runs of ``counts[i]`` samples for series ``i``."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return RangeVector(labels, offsets, times, values, histograms)


def label_order(labels: LabelTable) -> Ints:
    """Rows sorted as Prometheus compares label sets: pair by pair, name before value; the shorter set first.

    Labels are compared in order of their names. Where one row lacks a label, its next pair has a later name (or it has
    no more pairs), so an absent label sorts behind any value, unless nothing follows: then it sorts before.
    """
    if labels.rows < 2:
        return np.arange(labels.rows)
    keys: list[Ints] = []
    more = np.zeros(labels.rows, dtype=np.bool_)  # whether the row has a label behind this one
    for name in sorted(labels.columns, reverse=True):
        column = labels.columns[name]
        if (column.codes == column.codes[0]).all():  # says nothing about the order, as most labels of a selection
            more |= bool(column.codes[0])
            continue
        used, inverse = np.unique(column.codes, return_inverse=True)
        texts = [column.dictionary[code] for code in used.tolist()]
        rank = np.empty(len(used), dtype=np.int64)
        rank[sorted(range(len(used)), key=texts.__getitem__)] = np.arange(1, len(used) + 1)
        absent = column.codes == 0
        keys.append(np.where(absent, np.where(more, len(used) + 1, 0), rank[inverse.reshape(-1)]))
        more |= ~absent
    return np.lexsort(keys) if keys else np.arange(labels.rows)


def whole_windows(source: Ranged, budget: Budget) -> RangeVector:
    """The samples of one window as they are, sorted by labels: the answer of an instant query for a range."""
    windows = _Windows([], [], [], [], [])
    special = [run.series for run in source.runs]
    for block in source.blocks:
        budget.check()
        for cells in Window.over(block, source.start, source.end, source.end).cells():
            plain = ~np.isin(block.series[cells.where], special)
            valid = cells.valid[:, plain].T
            windows.add(block.series[cells.where][plain], cells.counts[plain], cells.times[:, plain].T[valid])
            windows.values.append(cells.values[:, plain].T[valid])
            windows.histograms.append(np.full(len(windows.times[-1]), None) if special else None)
        budget.hold(sum(map(len, windows.times)))
    for run in source.runs:
        windows.add_run(run, int(source.start[0]), int(source.end[0]))
    budget.read(np.array([windows.size()]))
    budget.hold(windows.size())
    return windows.sorted(source)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Whole windows, collected: series and number of samples of each, and the samples, one window after the other."""

    rows: list[Ints]
    counts: list[Ints]
    times: list[Ints]
    values: list[Floats]
    histograms: list[Objects | None]

    def size(self) -> int:
        """For how many samples all of it counts."""
        natives = [one for part in self.histograms if part is not None for one in part.tolist() if one is not None]
        return sum(map(len, self.times)) - len(natives) + int(sample_sizes(natives).sum())

    def add(self, rows: Ints, counts: Ints, times: Ints) -> None:
        self.rows.append(rows)
        self.counts.append(counts)
        self.times.append(times)

    def add_run(self, run: Run, start: int, end: int) -> None:
        """The window of one series that holds more than numbers."""
        low, high = (int(np.searchsorted(run.times, bound, side="right")) for bound in (start, end))
        if low == high:
            return
        samples = run.samples[low:high]
        self.add(np.array([run.series]), np.array([high - low]), run.times[low:high])
        self.values.append(np.array([0.0 if isinstance(one, Histogram) else one for one in samples]))
        objects = np.full(high - low, None)
        objects[:] = [one if isinstance(one, Histogram) else None for one in samples]
        self.histograms.append(objects)

    def sorted(self, source: Ranged) -> RangeVector:
        """The answer, sorted by labels."""
        none = np.zeros(0, dtype=np.int64)
        rows, counts = np.concatenate([none, *self.rows]), np.concatenate([none, *self.counts])
        labels = Vector(source.labels, np.zeros((1, source.labels.rows)), None, source.unnamed).finished().labels
        labels = labels.take(rows)
        order = label_order(labels)
        picked = _runs((np.cumsum(counts) - counts)[order], counts[order])
        times, values = np.concatenate([none, *self.times]), np.concatenate([np.zeros(0), *self.values])
        objects = [one for one in self.histograms if one is not None]
        histograms = np.concatenate(objects)[picked] if objects else None
        return range_vector(labels.take(order), counts[order], times[picked], values[picked], histograms)


def _runs(starts: Ints, counts: Ints) -> Ints:
    """The indices of runs of a flat array, one run after the other."""
    before = np.cumsum(counts) - counts
    return np.asarray(np.arange(int(counts.sum())) + np.repeat(starts - before, counts))
