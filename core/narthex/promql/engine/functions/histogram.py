"""histogram_quantile, histogram_quantiles and histogram_fraction.

Of a classic histogram, series that differ in ``le`` only are one histogram; they are computed together, as arrays. The
native ones are computed one by one. Where both come with the same labels, neither is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from narthex.config.names import is_label_name
from narthex.errors import QueryError
from narthex.model.labeltable import Column, LabelTable
from narthex.model.number import parse_float, shortest
from narthex.promql.engine.functions.buckets import Smoothed, bucket_fraction, bucket_quantile, monotonic
from narthex.promql.engine.functions.native import native_fractions, native_quantiles
from narthex.promql.engine.functions.overtime import warn_of_quantiles
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.grouping import joint_groups, row_groups
from narthex.promql.engine.notes import Notes, of_metric
from narthex.promql.engine.vector import Bools, Floats, Ints, Vector, concatenate

__all__ = ["FUNCTIONS"]

_HELP = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


@dataclass(frozen=True, slots=True)
class _Histograms:
    """``G`` histograms of up to ``B`` buckets: ``counts`` ``[K, G, B]``, ``bounds`` broadcast against it."""

    labels: LabelTable
    bounds: Floats
    counts: Floats
    present: Bools | None
    unnamed: Bools | None

    def result(self, values: Floats) -> Vector:
        """One value for each histogram; metric names are kept."""
        return Vector(self.labels, values, self.present, self.unnamed).compacted()


def _upper_bound(text: str) -> float | None:
    try:
        return parse_float(text)
    except ValueError:
        return None


def _histograms(invocation: Invocation, vector: Vector, index: int) -> _Histograms:
    """Collect buckets into histograms; series whose ``le`` is no number are left out with a warning."""
    column = vector.labels.columns.get("le", Column(np.zeros(vector.size, dtype=np.int32), [""]))
    used, inverse = np.unique(column.codes, return_inverse=True)
    parsed = [_upper_bound(column.dictionary[code]) for code in used.tolist()]
    good = np.array([bound is not None for bound in parsed], dtype=np.bool_)[inverse.reshape(-1)]
    if not good.all():
        _warn_of_bounds(invocation, vector, column, np.flatnonzero(~good), index)
    bounds = np.array([np.nan if bound is None else bound for bound in parsed])[inverse.reshape(-1)][good]
    vector = vector.take(np.flatnonzero(good))
    labels = vector.labels.drop(("le",))
    ids, first = row_groups(labels)
    slots, bucket, width = _slots(ids, bounds)
    shape = (vector.steps, len(first), width)
    counts, grid = np.zeros(shape), np.full(shape[1:], np.nan)
    grid[ids[slots], bucket] = bounds[slots]
    values = vector.values if vector.present is None else np.where(vector.present, vector.values, 0.0)
    cell = ids[slots] * width + bucket
    for step in range(vector.steps):  # equal bounds, spelled differently, add up
        counts[step] = np.bincount(cell, values[step, slots], len(first) * width).reshape(shape[1:])
    unnamed = None if vector.unnamed is None else vector.unnamed[first]
    if vector.present is None:
        return _Histograms(labels.take(first), grid, counts, None, unnamed)
    here = np.zeros((vector.steps, len(first) * width), dtype=np.bool_)
    steps, slot = np.nonzero(vector.present[:, slots])
    here[steps, cell[slot]] = True
    here = here.reshape(shape)
    order = np.argsort(~here, axis=-1, kind="stable")  # buckets absent at a step go behind the others
    moved = np.take_along_axis(np.where(here, grid, np.nan), order, axis=-1)
    counts = np.take_along_axis(counts, order, axis=-1)
    return _Histograms(labels.take(first), moved, counts, np.asarray(here.any(axis=-1)), unnamed)


def _slots(ids: Ints, bounds: Floats) -> tuple[Ints, Ints, int]:
    """Series in order of histogram and bound, the bucket number of each, and the largest number of buckets."""
    order = np.lexsort((bounds, ids))
    if not len(order):
        return order, order, 1
    group, bound = ids[order], bounds[order]
    fresh_group = np.concatenate([[True], group[1:] != group[:-1]])
    fresh = fresh_group | np.concatenate([[True], bound[1:] != bound[:-1]])
    running = np.cumsum(fresh) - 1
    starts = np.flatnonzero(fresh_group)
    bucket = running - np.repeat(running[starts], np.diff(np.append(starts, len(group))))
    return order, bucket, int(bucket.max()) + 1


def _names(invocation: Invocation, labels: LabelTable) -> list[str]:
    """The metric name of each row, where it is still known."""
    column = labels.columns.get("__name__") if invocation.delayed else None
    return [""] * labels.rows if column is None else column.values()


def _of_metric(invocation: Invocation, labels: LabelTable, row: int) -> str:
    return of_metric(_names(invocation, labels)[row])


def _warn_of_bounds(invocation: Invocation, vector: Vector, column: Column, rows: Ints, index: int) -> None:
    seen: set[tuple[int, int]] = set()
    names = vector.labels.columns.get("__name__")
    for row in rows.tolist():
        kind = (int(column.codes[row]), int(names.codes[row]) if names else 0)
        if kind in seen:
            continue
        seen.add(kind)
        value = column.dictionary[column.codes[row]]
        invocation.annotations.warn(
            f'bucket label "le" is missing or has a malformed value of "{value}"'
            + _of_metric(invocation, vector.labels, row),
            invocation.pos(index),
        )


def _note_forced(invocation: Invocation, histograms: _Histograms, smoothed: Smoothed, index: int) -> None:
    """Tell for which histograms counts had to be raised."""
    for row in np.flatnonzero(smoothed.forced.any(axis=0)).tolist():
        steps = np.flatnonzero(smoothed.forced[:, row])
        first, last = (_rfc3339(int(invocation.steps.times[step])) for step in (steps[0], steps[-1]))
        low, high = shortest(float(smoothed.low[steps, row].min())), shortest(float(smoothed.high[steps, row].max()))
        largest = float(smoothed.largest[steps, row].max())
        invocation.annotations.info(
            f"input to histogram_quantile needed to be fixed for monotonicity (see {_HELP})"
            f"{_of_metric(invocation, histograms.labels, row)}, from buckets {low} to {high}, with a max diff of "
            f"{largest:.2g}, over {len(steps)} samples from {first} to {last}",
            invocation.pos(index),
        )


def _rfc3339(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _apart(invocation: Invocation, index: int) -> tuple[_Histograms, Vector]:
    """Classic and native histograms of argument ``index``, without those that are both."""
    vector = invocation.vector(index)
    classic, natives = _histograms(invocation, vector.floats(), index), vector.natives()
    if not natives.size or not classic.labels.rows:
        return classic, natives
    bare = natives.labels.drop(("le",))
    ids, others, groups = joint_groups(classic.labels, bare, {*classic.labels.columns, *bare.columns})
    here = np.ones(classic.counts.shape[:2], np.bool_) if classic.present is None else classic.present
    both = _by_group(here, ids, groups) & _by_group(natives.mask(), others, groups)
    if not both.any():
        return classic, natives
    names, notes = _names(invocation, natives.labels), Notes(invocation.annotations, invocation.pos(index))
    for row in np.flatnonzero((natives.mask() & both[:, others]).any(axis=0)).tolist():
        notes.mixed_classic(names[row])
    return replace(classic, present=here & ~both[:, ids]), natives.where(~both[:, others])


def _by_group(mask: Bools, ids: Ints, groups: int) -> Bools:
    """Whether any member of a group is there: bool ``[K, groups]``."""
    some = np.zeros((len(mask), groups), dtype=np.bool_)
    step, column = np.nonzero(mask)
    some[step, ids[column]] = True
    return some


def _joined(invocation: Invocation, parts: Sequence[Vector]) -> Vector:
    """Results of classic and of native histograms, which may have the same labels at different steps."""
    together = concatenate(parts, invocation.steps.count).compacted()
    if sum(part.size > 0 for part in parts) > 1:
        together = together.merged()
    return together.without_name(delayed=invocation.delayed)


def _ascending(invocation: Invocation, histograms: _Histograms, index: int) -> _Histograms:
    """Classic histograms whose counts never fall, having told which ones had to be mended."""
    smoothed = monotonic(histograms.bounds, histograms.counts)
    if histograms.present is not None:
        smoothed = replace(smoothed, forced=smoothed.forced & histograms.present)
    if smoothed.forced.any():
        _note_forced(invocation, histograms, smoothed, index)
    return replace(histograms, counts=smoothed.counts)


def _quantile(invocation: Invocation) -> Vector:
    q = invocation.scalar(0)
    warn_of_quantiles(invocation, q, 0)
    classic, natives = _apart(invocation, 1)
    classic = _ascending(invocation, classic, 1)
    of_classic = classic.result(bucket_quantile(q[:, None], classic.bounds, classic.counts))
    names, notes = _names(invocation, natives.labels), Notes(invocation.annotations, invocation.pos(1))
    of_natives = native_quantiles(natives, q, names, notes)
    return _joined(invocation, [of_classic, of_natives])


def _label_of(q: float) -> str:
    """A quantile as a label value: as OpenMetrics writes numbers, so whole ones end in ``.0``."""
    text = shortest(q)
    return text if set(text) & set(".eIN") else f"{text}.0"


def _quantiles(invocation: Invocation) -> Vector:
    """Several quantiles at once, told apart by a label."""
    label = invocation.text(1)
    if not is_label_name(label):
        raise QueryError(f'invalid label name "{label}"')
    asked = [(index, invocation.scalar(index)) for index in range(2, invocation.count)]
    for index, q in asked:
        warn_of_quantiles(invocation, q, index)
    classic, natives = _apart(invocation, 0)
    classic = _ascending(invocation, classic, 0)
    names, notes = _names(invocation, natives.labels), Notes(invocation.annotations, invocation.pos(0))
    parts = []
    for _, q in asked:
        of_classic = classic.result(bucket_quantile(q[:, None], classic.bounds, classic.counts))
        for one in (of_classic, native_quantiles(natives, q, names, notes)):
            parts += _labelled(one, label, q)
    return _joined(invocation, parts).ensure_distinct()


def _labelled(vector: Vector, label: str, q: Floats) -> list[Vector]:
    """The vector with its quantile, which may change from step to step, as a label."""
    column = np.ones(vector.size, dtype=np.int32)
    named = []
    for value in np.unique(q).tolist():
        labels = vector.labels.with_column(label, Column(column, ["", _label_of(value)]))
        there = (q == value) | (np.isnan(q) & np.isnan(value))
        named.append(replace(vector, labels=labels).where(np.broadcast_to(there[:, None], vector.values.shape)))
    return named


def _fraction(invocation: Invocation) -> Vector:
    lower, upper = invocation.scalar(0), invocation.scalar(1)
    classic, natives = _apart(invocation, 2)
    values = bucket_fraction(lower[:, None], upper[:, None], classic.bounds, classic.counts)
    names, notes = _names(invocation, natives.labels), Notes(invocation.annotations, invocation.pos(2))
    return _joined(invocation, [classic.result(values), native_fractions(natives, lower, upper, names, notes)])


FUNCTIONS = (
    Function("histogram_quantile", _quantile),
    Function("histogram_quantiles", _quantiles),
    Function("histogram_fraction", _fraction),
)
