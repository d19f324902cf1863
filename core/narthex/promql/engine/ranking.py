"""Aggregations that look at the order of a group's values: topk, bottomk, quantile, limitk, limit_ratio, count_values.

The cells of all steps are sorted once by (step, group, value); the rank inside a group then says what to keep. Where
few of many are wanted, the others are left out before.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from narthex.model.histogram import histogram_text
from narthex.model.labeltable import encode
from narthex.model.number import plain_text
from narthex.model.xxhash import label_hashes
from narthex.promql.engine.aggregate import Grouped, grouping_labels
from narthex.promql.engine.vector import METADATA_LABELS, Floats, Ints, Vector

__all__ = ["count_values", "extremes", "grouped_quantile", "limit_ratio", "limitk", "quantile_of_sorted"]

_CROWD = 8
"""Series for each one that is wanted, from which on a partition pays."""


def extremes(grouped: Grouped, wanted: Ints, *, largest: bool) -> Vector:
    """``topk`` or ``bottomk``: the ``wanted[k]`` largest or smallest samples of each group at each step.

    NaN counts as the worst. Equal values are taken in the order of the series. At a single step the result is ordered
    by group, then by value, best first.
    """
    vector = grouped.vector
    step, column = _contenders(grouped, int(wanted.max(initial=0)), largest=largest)
    values = vector.values[step, column]
    segment = step * grouped.size + grouped.ids[column]
    missing = np.isnan(values)
    order = np.lexsort((-values if largest else values, missing, segment))
    kept = order[_rank(segment[order]) < wanted[step[order]]]
    if vector.steps == 1:
        return vector.take(column[kept])
    columns, place = np.unique(column[kept], return_inverse=True)
    keep = np.zeros((vector.steps, len(columns)), dtype=np.bool_)
    keep[step[kept], place] = True
    return replace(vector.take(columns), present=keep).compacted()


def _contenders(grouped: Grouped, most: int, *, largest: bool) -> tuple[Ints, Ints]:
    """Steps and columns, in order, of all cells that may be among the ``most`` best of their group, and a few more.

    A partition finds the worst value that can be one of them in linear time; sorting all cells takes ten times as long.
    """
    vector = grouped.vector
    if most <= 0 or grouped.size * _CROWD * most > vector.size:
        return _present_cells(vector)
    badness = -vector.values if largest else vector.values.copy()
    badness[np.isnan(badness)] = np.inf
    if vector.present is not None:
        badness[~vector.present] = np.inf
    good = np.empty(badness.shape, dtype=np.bool_)
    for members in grouped.members():
        own = badness[:, members]
        last = min(most, own.shape[1]) - 1
        good[:, members] = own <= np.partition(own, last, axis=1)[:, last : last + 1]
    if vector.present is not None:
        good &= vector.present
    step, column = np.divmod(np.flatnonzero(good), vector.size)
    return step, column


def limitk(grouped: Grouped, wanted: Ints) -> Vector:
    """The first ``wanted[k]`` samples of each group at each step."""
    vector = grouped.vector
    step, column = _present_cells(vector)
    segment = step * grouped.size + grouped.ids[column]
    order = np.argsort(segment, kind="stable")
    kept = order[_rank(segment[order]) < wanted[step[order]]]
    keep = np.zeros(vector.values.shape, dtype=np.bool_)
    keep[step[kept], column[kept]] = True
    return vector.where(keep)


def limit_ratio(vector: Vector, ratio: Floats) -> Vector:
    """A share of the series, chosen by a hash of their labels; ``-r`` chooses exactly the others of ``1 - r``.

    The hash is Prometheus's, so both choose the same series.
    """
    place = label_hashes(vector.labels.all_labels()).astype(np.float64) / 2.0**64
    share = ratio[:, None]
    return vector.where(np.where(share >= 0, place < share, place >= 1 + share))


def grouped_quantile(grouped: Grouped, q: Floats) -> Vector:
    """The ``q[k]`` quantile of each group at each step."""
    vector = grouped.vector
    step, column = _present_cells(vector)
    values = vector.values[step, column]
    segment = step * grouped.size + grouped.ids[column]
    order = np.lexsort((values, ~np.isnan(values), segment))
    counts = np.bincount(segment, minlength=vector.steps * grouped.size)
    starts = np.cumsum(counts) - counts
    wanted = np.repeat(q, grouped.size)
    result = quantile_of_sorted(values[order], starts, counts, wanted)
    return grouped.result(result.reshape(vector.steps, grouped.size))


def quantile_of_sorted(values: Floats, starts: Ints, counts: Ints, q: Floats) -> Floats:
    """Quantiles of many runs of one flat array, each sorted with NaN first; interpolated between neighbours.

    Run ``i`` is ``values[starts[i] : starts[i] + counts[i]]`` and asks for ``q[i]``; -Inf below 0, +Inf above 1, NaN
    for a NaN or an empty run.
    """
    rank = np.where(np.isfinite(q), q, 0.0) * (counts - 1)
    lower = np.clip(np.floor(rank), 0, np.maximum(counts - 1, 0))
    upper = np.minimum(lower + 1, np.maximum(counts - 1, 0))
    weight = rank - np.floor(rank)
    last = max(len(values) - 1, 0)
    padded = values if len(values) else np.full(1, np.nan)
    low = padded[np.minimum(starts + lower.astype(np.int64), last)]
    high = padded[np.minimum(starts + upper.astype(np.int64), last)]
    result = low * (1 - weight) + high * weight
    result = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, result))
    return np.where(np.isnan(q) | (counts == 0), np.nan, result)


def count_values(vector: Vector, label: str, grouping: tuple[str, ...], *, without: bool) -> Vector:
    """How often each value occurs in each group; the value becomes the label ``label``.

    Grouping comes after that: ``without`` takes the new label away too where it names it or it tells the metric.
    """
    table = grouping_labels(vector.labels, grouping, without=without)
    step, column = _present_cells(vector)
    distinct, code = _texts(vector, step, column)
    if not len(distinct):
        return Vector.empty(vector.steps)
    pairs, inverse = np.unique(column * len(distinct) + code, return_inverse=True)
    rows, which = np.divmod(pairs, len(distinct))
    labels = table.take(rows)
    if not (without and label in {*grouping, *METADATA_LABELS}):
        labels = labels.with_column(label, encode([distinct[i] for i in which.tolist()]))
    present = np.zeros((vector.steps, len(pairs)), dtype=np.bool_)
    present[step, inverse.reshape(-1)] = True
    unnamed = None if vector.unnamed is None or label == "__name__" else vector.unnamed[rows]
    occurrences = Vector(labels, np.ones(present.shape), present, unnamed).compacted()
    grouped = Grouped(occurrences, tuple(labels.columns), without=False)
    return grouped.result(grouped.counts().copy())


def _texts(vector: Vector, step: Ints, column: Ints) -> tuple[list[str], Ints]:
    """The different values of some cells as texts, and which of them each cell has."""
    values = vector.values[step, column]
    distinct, code = np.unique(values + 0.0, return_inverse=True)
    texts, code = [plain_text(value) for value in distinct.tolist()], code.reshape(-1)
    negative_zero = (values == 0) & np.signbit(values)
    if negative_zero.any():
        code[negative_zero] = len(texts)
        texts.append("-0")
    if vector.histograms is None:
        return texts, code
    known: dict[str, int] = {}
    for at, one in enumerate(vector.histograms[step, column].tolist()):
        if one is not None:
            code[at] = len(texts) + known.setdefault(histogram_text(one), len(known))
    return [*texts, *known], code


def _present_cells(vector: Vector) -> tuple[Ints, Ints]:
    if vector.present is not None:
        step, column = np.nonzero(vector.present)
        return step, column
    step, column = np.divmod(np.arange(vector.values.size), max(vector.size, 1))
    return step, column


def _rank(segments: Ints) -> Ints:
    """Position of each entry within its run of equal ``segments`` (sorted)."""
    if not len(segments):
        return segments
    fresh = np.concatenate([[True], segments[1:] != segments[:-1]])
    starts = np.flatnonzero(fresh)
    return np.arange(len(segments)) - np.repeat(starts, np.diff(np.append(starts, len(segments))))
