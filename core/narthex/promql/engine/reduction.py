"""Reduce the windows of a range, block by block, to one value for each series and step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from narthex.promql.engine.notes import Notes
from narthex.promql.engine.overrides import Reduced, overridden
from narthex.promql.engine.query import Budget, Steps
from narthex.promql.engine.runs import OfStretch
from narthex.promql.engine.vector import Bools, Floats, Ints, Vector
from narthex.promql.engine.window import Window

if TYPE_CHECKING:
    from narthex.promql.engine.selectors import Ranged

__all__ = ["WindowFunction", "reduced"]

WindowFunction = Callable[[Window], "tuple[Floats, Bools | None]"]
"""From a window over ``n`` series to values ``[K, n]`` and where they are (None: everywhere)."""


def reduced(
    source: Ranged, steps: Steps, compute: WindowFunction, native: OfStretch | None, notes: Notes, budget: Budget
) -> Vector:
    """``compute`` over every window of numbers; ``native`` over those with histograms (None: they are ignored)."""
    result = _of_blocks(source, steps, compute, budget)
    if source.runs:
        for run in source.runs:
            low, high = (np.searchsorted(run.times, bounds, side="right") for bounds in (source.start, source.end))
            budget.read(run.sizes(low, high))  # their numbers stand in the blocks too
        result = overridden(result, source.runs, (source.start, source.end), native, notes)
    rows, values, present, histograms = result
    if not len(rows):
        return Vector.empty(steps.count)
    unnamed = None if source.unnamed is None else source.unnamed[rows]
    labels = source.labels
    if len(rows) != labels.rows or not bool((rows == np.arange(len(rows))).all()):
        labels = labels.take(rows)
    return Vector(labels, values, present, unnamed, histograms).compacted()


def _of_blocks(source: Ranged, steps: Steps, compute: WindowFunction, budget: Budget) -> Reduced:
    values: list[Floats] = []
    masks: list[Bools | None] = []
    series: list[Ints] = []
    held = 0
    for block in source.blocks:
        budget.check()
        window = Window.over(block, source.start, source.end, steps.times)
        counts = np.maximum(window.counts, 0)
        members = np.bincount(block.group, minlength=counts.shape[1])
        budget.read(counts @ members)
        held += window.shape[0] * window.shape[1]
        budget.hold(held + int(counts.max(initial=0)))
        one, mask = compute(window)
        values.append(one)
        masks.append(mask)
        series.append(block.series)
    if not values:
        return np.zeros(0, dtype=np.int64), np.zeros((steps.count, 0)), None, None
    present = None
    if any(mask is not None for mask in masks):
        filled = [
            np.ones(one.shape, np.bool_) if mask is None else mask for one, mask in zip(values, masks, strict=True)
        ]
        present = np.concatenate(filled, axis=1)
    rows = series[0] if len(series) == 1 else np.concatenate(series)
    return rows, values[0] if len(values) == 1 else np.concatenate(values, axis=1), present, None
