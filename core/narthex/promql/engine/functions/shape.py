"""Functions that change the kind, the presence or the order of a value: absent, scalar, vector, sort."""

from __future__ import annotations

import re

import numpy as np

from narthex.model.labeltable import LabelTable
from narthex.model.matcher import MatchOp
from narthex.promql.ast import Expr, MatrixSelector, VectorSelector
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.result import label_order
from narthex.promql.engine.runs import OfStretch
from narthex.promql.engine.vector import Bools, Floats, Ints, Vector

__all__ = ["FUNCTIONS", "natural_key"]

_CHUNKS = re.compile("[0-9]+|[^0-9]+")


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which runs of digits compare as numbers: ``4m5`` before ``4m600`` before ``4m1000``.

    Digits and other text compare as text does. The numbers may be of any length.
    """
    return tuple(map(_chunk_key, _CHUNKS.findall(text)))


def _chunk_key(chunk: str) -> tuple[int, int, str]:
    if "0" <= chunk[0] <= "9":
        number = chunk.lstrip("0")
        return 1, len(number), number
    return 0 if chunk[0] < "0" else 2, 0, chunk


def _absent_labels(expr: Expr) -> LabelTable:
    """The labels an absent series would have: those that a selector fixes by exactly one ``=`` matcher."""
    if isinstance(expr, MatrixSelector):
        expr = expr.selector
    labels: dict[str, str] = {}
    if isinstance(expr, VectorSelector):
        seen: set[str] = set()
        for matcher in expr.matchers:
            if matcher.name == "__name__":
                continue
            if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
                labels[matcher.name] = matcher.value
            else:
                labels.pop(matcher.name, None)
            seen.add(matcher.name)
    return LabelTable.of([labels])


def _absent_where(invocation: Invocation, nobody: Bools) -> Vector:
    values = np.ones((len(nobody), 1))
    return Vector(_absent_labels(invocation.argument(0)), values, nobody[:, None]).compacted()


def _absent(invocation: Invocation) -> Vector:
    vector = invocation.vector(0)
    return _absent_where(invocation, ~np.asarray(vector.mask().any(axis=1)))


def _absent_over_time(invocation: Invocation) -> Vector:
    some = OfStretch(lambda _: 1.0)
    found = invocation.over_windows(0, lambda window: (np.ones(window.shape), window.at_least(1)), some)
    return _absent_where(invocation, ~np.asarray(found.mask().any(axis=1)))


def _scalar(invocation: Invocation) -> Floats:
    """The value of the only series; NaN at the steps where there is none or more than one. Histograms do not count."""
    vector = invocation.numbers(0)
    if not vector.size:
        return np.full(vector.steps, np.nan)
    if vector.present is None:
        return vector.values[:, 0] if vector.size == 1 else np.full(vector.steps, np.nan)
    column = vector.present.argmax(axis=1)
    single = np.count_nonzero(vector.present, axis=1) == 1
    return np.where(single, vector.values[np.arange(vector.steps), column], np.nan)


def _sort(*, descending: bool) -> Function:
    name = "sort_desc" if descending else "sort"

    def apply(invocation: Invocation) -> Vector:
        vector = invocation.numbers(0)
        if not _sortable(invocation):
            return vector
        values = vector.values[0]
        return vector.take(np.lexsort((-values if descending else values, np.isnan(values))))  # NaN last, both ways

    return Function(name, apply)


def _sort_by_label(*, descending: bool) -> Function:
    name = "sort_by_label_desc" if descending else "sort_by_label"

    def apply(invocation: Invocation) -> Vector:
        vector = invocation.vector(0)
        if not _sortable(invocation):
            return vector
        names = [invocation.text(index) for index in range(1, invocation.count)]
        order = label_order(vector.labels)
        keys = [np.argsort(order), *(_natural_rank(vector, name) for name in reversed(names))]
        rows = np.lexsort(keys)
        return vector.take(rows[::-1] if descending else rows)

    return Function(name, apply)


def _sortable(invocation: Invocation) -> bool:
    if invocation.steps.instant:
        return invocation.steps.count == 1
    message = "sort is ineffective for range queries since results are always ordered by labels"
    invocation.annotations.warn(message, invocation.call.pos)
    return False


def _natural_rank(vector: Vector, name: str) -> Ints:
    column = vector.labels.columns.get(name)
    if column is None:
        return np.zeros(vector.size, dtype=np.int64)
    used, inverse = np.unique(column.codes, return_inverse=True)
    texts = [column.dictionary[code] for code in used.tolist()]
    rank = np.empty(len(used), dtype=np.int64)
    rank[sorted(range(len(used)), key=lambda at: natural_key(texts[at]))] = np.arange(len(used))
    return rank[inverse.reshape(-1)]


FUNCTIONS = (
    Function("absent", _absent),
    Function("absent_over_time", _absent_over_time),
    Function("scalar", _scalar),
    Function("vector", lambda invocation: Vector.single(invocation.scalar(0))),
    _sort(descending=False),
    _sort(descending=True),
    _sort_by_label(descending=False),
    _sort_by_label(descending=True),
)
