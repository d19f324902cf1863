"""histogram_quantile and its relatives on classic histograms: series that differ in ``le`` only are one histogram."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from narthex.errors import QueryError
from narthex.model.labeltable import Column, LabelTable
from narthex.promql.engine.functions.buckets import Smoothed, bucket_fraction, bucket_quantile, monotonic
from narthex.promql.engine.functions.labels import valid_label_name
from narthex.promql.engine.functions.overtime import go_g, warn_of_quantiles
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.grouping import row_groups
from narthex.promql.engine.vector import Bools, Floats, Ints, Vector, concatenate

__all__ = ["FUNCTIONS"]

_NATIVE = ("histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum")
_HELP = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


@dataclass(frozen=True, slots=True)
class _Histograms:
    """``G`` histograms of up to ``B`` buckets: ``counts`` ``[K, G, B]``, ``bounds`` broadcast against it."""

    labels: LabelTable
    bounds: Floats
    counts: Floats
    present: Bools | None
    unnamed: Bools | None

    def result(self, values: Floats, invocation: Invocation) -> Vector:
        """One value for each histogram."""
        vector = Vector(self.labels, values, self.present, self.unnamed).compacted()
        return vector.without_name(delayed=invocation.delayed)


def _upper_bound(text: str) -> float | None:
    if "_" in text or text != text.strip():
        return None
    try:
        return float.fromhex(text) if text.lower().startswith("0x") else float(text)
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


def _of_metric(invocation: Invocation, labels: LabelTable, row: int) -> str:
    """`` for metric name "…"``, where the name is still known."""
    name = labels.labels(row).get("__name__", "") if invocation.delayed else ""
    return f' for metric name "{name}"' if name else ""


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
        low, high = go_g(float(smoothed.low[steps, row].min())), go_g(float(smoothed.high[steps, row].max()))
        largest = float(smoothed.largest[steps, row].max())
        invocation.annotations.info(
            f"input to histogram_quantile needed to be fixed for monotonicity (see {_HELP})"
            f"{_of_metric(invocation, histograms.labels, row)}, from buckets {low} to {high}, with a max diff of "
            f"{largest:.2g}, over {len(steps)} samples from {first} to {last}",
            invocation.pos(index),
        )


def _rfc3339(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quantile(invocation: Invocation) -> Vector:
    q = invocation.scalar(0)
    warn_of_quantiles(invocation, q, 0)
    histograms, counts = _ascending(invocation, 1)
    return histograms.result(bucket_quantile(q[:, None], histograms.bounds, counts), invocation)


def _ascending(invocation: Invocation, index: int) -> tuple[_Histograms, Floats]:
    histograms = _histograms(invocation, invocation.vector(index), index)
    smoothed = monotonic(histograms.bounds, histograms.counts)
    if smoothed.forced.any():
        _note_forced(invocation, histograms, smoothed, index)
    return histograms, smoothed.counts


def _label_of(q: float) -> str:
    """A quantile as a label value: as OpenMetrics writes numbers, so whole ones end in ``.0``."""
    text = go_g(q)
    return text if set(text) & set(".eIN") else f"{text}.0"


def _quantiles(invocation: Invocation) -> Vector:
    """Several quantiles at once, told apart by a label."""
    label = invocation.text(1)
    if not valid_label_name(label):
        raise QueryError(f'invalid label name "{label}"')
    asked = [(index, invocation.scalar(index)) for index in range(2, invocation.count)]
    for index, q in asked:
        warn_of_quantiles(invocation, q, index)
    histograms, counts = _ascending(invocation, 0)
    parts = []
    for _, q in asked:
        column = Column(np.ones(histograms.labels.rows, dtype=np.int32), ["", _label_of(float(q[0]))])
        one = replace(histograms, labels=histograms.labels.with_column(label, column))
        parts.append(one.result(bucket_quantile(q[:, None], one.bounds, counts), invocation))
    return concatenate(parts, invocation.steps.count).ensure_distinct()


def _fraction(invocation: Invocation) -> Vector:
    lower, upper = invocation.scalar(0), invocation.scalar(1)
    histograms = _histograms(invocation, invocation.vector(2), 2)
    values = bucket_fraction(lower[:, None], upper[:, None], histograms.bounds, histograms.counts)
    return histograms.result(values, invocation)


def _of_native(name: str) -> Function:
    """These take native histograms only, and there are none yet: floats give nothing, as in Prometheus."""

    def apply(invocation: Invocation) -> Vector:
        invocation.vector(0)
        return Vector.empty(invocation.steps.count)

    return Function(name, apply)


FUNCTIONS = (
    Function("histogram_quantile", _quantile),
    Function("histogram_quantiles", _quantiles),
    Function("histogram_fraction", _fraction),
    *(_of_native(name) for name in _NATIVE),
)
