"""Selectors and subqueries: from an expression and steps to samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from narthex.errors import QueryError
from narthex.model.histogram import BARE_SIZE, sample_sizes
from narthex.model.labeltable import LabelTable
from narthex.promql.ast import At, Expr, MatrixSelector, SubqueryExpr, VectorSelector
from narthex.promql.engine.extended import ANCHORED_FUNCTIONS, SMOOTHED_FUNCTIONS, interpolated
from narthex.promql.engine.latest import latest
from narthex.promql.engine.lines import sample_on_line
from narthex.promql.engine.natives import newest_with_histograms, with_found_hints
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.query import Budget, Steps
from narthex.promql.engine.runs import OfStretch, Run, runs_of, runs_of_vector
from narthex.promql.engine.vector import Bools, Floats, Ints, Vector
from narthex.promql.engine.windows import Block, blocks, packed
from narthex.storage.frames import Selection

if TYPE_CHECKING:
    from narthex.promql.engine.evaluate import Evaluation

__all__ = ["Found", "Ranged", "instant", "ranged", "reference_times"]

_END_OF_TIME = 1 << 62  # ms; nobody has samples there, and windows around it still fit an int64


@dataclass(frozen=True, slots=True)
class Ranged:
    """Windows ``(start, end]`` (int64 ``[K]``, ms) over series that come block by block.

    ``labels`` has a row for every series the blocks may name; ``unnamed`` as in :class:`Vector`, or None. ``runs`` are
    the series that hold more than numbers; those of their samples that are numbers stand in the blocks, too.
    """

    labels: LabelTable
    blocks: Iterable[Block]
    start: Ints
    end: Ints
    unnamed: Bools | None = None
    runs: Sequence[Run] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What an instant selector found: the vector, where its samples come from, and when they were taken.

    ``rows`` are the series' rows in the selection's label table, None for all as they are; ``seen`` is int64 ``[K, n]``
    (ms), or makes it: few ask for it.
    """

    vector: Vector
    selection: Selection
    rows: Ints | None
    seen: Ints | Callable[[], Ints]

    @property
    def times(self) -> Ints:
        """The times of the samples: int64 ``[K, n]``, ms."""
        times = self.seen if isinstance(self.seen, np.ndarray) else self.seen()
        times = times if self.rows is None else times[:, self.rows]
        return np.broadcast_to(times, self.vector.values.shape)

    def starts(self) -> Floats:
        """The start timestamps of the samples, in ms, 0 where unknown: ``[K, n]``."""
        known: dict[tuple[int, int], int] = {}
        for points in (self.selection.points, self.selection.histograms):
            if points.starts is not None:
                places = zip(points.series.tolist(), points.times.tolist(), strict=True)
                known.update(zip(places, points.starts.tolist(), strict=True))
        starts = np.zeros(self.vector.values.shape)
        if known:
            times = self.times
            rows = np.arange(self.vector.size) if self.rows is None else self.rows
            for column, row in enumerate(rows.tolist()):
                starts[:, column] = [known.get((row, time), 0) for time in times[:, column].tolist()]
        return starts


def reference_times(steps: Steps, at: At | None, offset: int) -> Ints:
    """The moments a selector looks at: those of the steps, or of ``@``, moved back by the offset."""
    if at is None:
        return steps.times - offset if offset else steps.times
    fixed = {"start": steps.start, "end": steps.end}.get(at.kind, at.timestamp) - offset
    return np.full(steps.count, max(-_END_OF_TIME, min(fixed, _END_OF_TIME)), dtype=np.int64)


def instant(evaluation: Evaluation, selector: VectorSelector, steps: Steps) -> Found:
    """The newest samples of a selector's series."""
    if selector.smoothed:
        return _smoothed(evaluation, selector, steps)
    moments = reference_times(steps, selector.at, selector.offset)
    fixed = selector.at is not None and len(moments) > 1
    if fixed:
        moments = moments[:1]
    lookback = evaluation.settings.lookback
    selection = evaluation.select(selector.matchers, int(moments[0]) - lookback + 1, int(moments[-1]))
    evaluation.budget.hold(len(moments) * selection.labels.rows)  # before anything of that size is made
    found = latest(selection, moments, lookback)
    histograms = None
    bare = bool(len(selection.histograms)) and evaluation.counts_only(selector)
    if len(selection.histograms):
        points = selection.histograms
        evaluation.budget.hold(int(sample_sizes(points.values.tolist()).sum()))
        points = with_found_hints(points) if bare else points
        found, histograms = newest_with_histograms(found, points, moments, lookback)
    values, present = found.values, found.present
    if fixed:
        shape = (steps.count, values.shape[1])
        values = np.broadcast_to(values, shape)
        present = None if present is None else np.broadcast_to(present, values.shape)
        histograms = None if histograms is None else np.broadcast_to(histograms, shape)
    vector = Vector(selection.labels, values, present, histograms=histograms)
    kept = None
    if present is not None:
        kept = np.flatnonzero(present.any(axis=0))
        vector = vector.take(kept).compacted()
    _account(evaluation.budget, vector, bare=bare)
    return Found(vector, selection, kept, lambda: found.times)


def _account(budget: Budget, vector: Vector, *, bare: bool) -> None:
    """Count what was found; ``bare``: the buckets of histograms do not count."""
    if vector.histograms is not None:
        sizes = vector.sizes()
        budget.hold(int(sizes.sum()))
        native = vector.histogram_cells()
        if bare and native is not None:
            sizes = np.count_nonzero(vector.mask(), axis=1) + (BARE_SIZE - 1) * np.count_nonzero(native, axis=1)
        budget.read(sizes)
        return
    if vector.present is None:
        budget.read_evenly(vector.size, vector.steps)
    else:
        budget.read(np.asarray(np.count_nonzero(vector.present, axis=1)))
    budget.hold(vector.samples)


def ranged(evaluation: Evaluation, expr: Expr, steps: Steps, function: str) -> Ranged:
    """The windows of a range selector or subquery, for the function that reads them."""
    if isinstance(expr, MatrixSelector):
        _refuse_modifier(expr.selector, function)
        return _matrix(evaluation, expr, steps)
    if isinstance(expr, SubqueryExpr):
        with evaluation.budget.not_counted() if function else nullcontext():
            return _subquery(evaluation, expr, steps)
    raise QueryError(f"{function} expects a range vector, got {expr.type.documented}")


def _matrix(evaluation: Evaluation, expr: MatrixSelector, steps: Steps) -> Ranged:
    selector = expr.selector
    end = reference_times(steps, selector.at, selector.offset)
    start = end - expr.range
    lookback = evaluation.settings.lookback
    first = int(start[0]) - (lookback if selector.anchored or selector.smoothed else 0)
    last = int(end[-1]) + (lookback if selector.smoothed else 0)
    selection = evaluation.select(selector.matchers, first + 1, last)
    runs = _runs(evaluation, selector, selection, first, last)
    return Ranged(selection.labels, blocks(selection, first, last, steps.count), start, end, runs=runs)


def _runs(
    evaluation: Evaluation, selector: VectorSelector, selection: Selection, first: int, last: int
) -> Sequence[Run]:
    """The series that hold more than numbers; of most selections there are none."""
    extended = selector.anchored or selector.smoothed  # these are about values only, as in Prometheus
    starts = evaluation.settings.semantics.start_timestamps and not extended
    if not len(selection.histograms) and (selection.points.starts is None or not starts):
        return ()
    bare = bool(len(selection.histograms)) and evaluation.counts_only(selector)
    if len(selection.histograms):
        evaluation.budget.hold(int(sample_sizes(selection.histograms.values.tolist()).sum()))
        if bare:
            selection = replace(selection, histograms=with_found_hints(selection.histograms))
    return runs_of(selection, first, last, starts=starts, bare=bare)


def _refuse_modifier(selector: VectorSelector, function: str) -> None:
    """``anchored`` and ``smoothed`` mean something to a few functions only."""
    for modifier, asked, usable in (
        ("anchored", selector.anchored, ANCHORED_FUNCTIONS),
        ("smoothed", selector.smoothed, SMOOTHED_FUNCTIONS),
    ):
        if asked and function not in usable:
            names = ", ".join(usable)
            raise QueryError(f"{modifier} modifier can only be used with: {names} - not with {function or 'none'}")


def _smoothed(evaluation: Evaluation, selector: VectorSelector, steps: Steps) -> Found:
    """Values on the line between the samples before and after; the newest value where nothing follows yet."""
    end = reference_times(steps, selector.at, selector.offset)
    lookback = evaluation.settings.lookback
    first, last = int(end[0]) - lookback, int(end[-1]) + lookback
    selection = evaluation.select(selector.matchers, first + 1, last)
    runs = _runs(evaluation, selector, selection, first, last)
    source = Ranged(selection.labels, blocks(selection, first, last, steps.count), end - lookback, end, runs=runs)
    of_stretch = OfStretch(lambda stretch: sample_on_line(stretch, lookback), beyond=True)
    notes = Notes(evaluation.annotations, selector.pos)
    vector = evaluation.reduced(source, steps, lambda window: interpolated(window, lookback), of_stretch, notes)
    return Found(vector, selection, None, end[:, None])


def _subquery(evaluation: Evaluation, expr: SubqueryExpr, steps: Steps) -> Ranged:
    """Evaluate the inner expression at multiples of the step, over everything the windows reach."""
    end = reference_times(steps, expr.at, expr.offset)
    start = end - expr.range
    interval = expr.step or evaluation.settings.default_step
    first = (int(start[0]) // interval + 1) * interval
    evaluation.budget.hold(max(0, int(end[-1]) - first) // interval)
    times = np.arange(first, int(end[-1]) + 1, interval, dtype=np.int64)
    if not len(times):
        return Ranged(LabelTable(0, {}), (), start, end)
    inner = steps.moved(times, interval)
    value = evaluation.value(expr.expr, inner)
    vector = value if isinstance(value, Vector) else Vector.single(value)
    runs = runs_of_vector(vector, times)
    native = vector.histogram_cells()
    if native is not None:  # the series stay where they are: blocks and runs name them by the same rows
        vector = replace(vector, present=vector.mask() & ~native, histograms=None)
    return Ranged(vector.labels, list(_blocks_of(vector, times)), start, end, vector.unnamed, runs)


def _blocks_of(vector: Vector, times: Ints) -> Iterator[Block]:
    """A computed vector as samples: complete series share one column of times, the others are packed."""
    rows = np.arange(vector.size)
    zeros = np.zeros(vector.size, dtype=np.int64)
    if vector.present is None:
        yield Block(rows, vector.values, times[:, None], zeros)
        return
    complete = vector.present.all(axis=0)
    whole, partial = np.flatnonzero(complete), np.flatnonzero(~complete)
    if len(whole):
        yield Block(whole, vector.values[:, whole], times[:, None], zeros[whole])
    if len(partial):
        spread = np.broadcast_to(times[:, None], (len(times), len(partial)))
        yield from packed(partial, vector.values[:, partial], spread, vector.present[:, partial])
