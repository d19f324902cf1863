"""Aggregation expressions: parameters, groups, and which of the two families of operators applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from narthex.config.names import is_label_name
from narthex.errors import QueryError
from narthex.model.number import shortest
from narthex.promql.ast import AggregateExpr
from narthex.promql.engine.aggregate import REDUCTIONS, Grouped
from narthex.promql.engine.folding import folded
from narthex.promql.engine.functions.overtime import quantile_warnings
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.query import Steps
from narthex.promql.engine.ranking import count_values, extremes, grouped_quantile, limit_ratio, limitk
from narthex.promql.engine.vector import Floats, Ints, Vector
from narthex.promql.strings import quote_go

if TYPE_CHECKING:
    from narthex.promql.engine.evaluate import Evaluation

__all__ = ["aggregated"]

_OF_NUMBERS = frozenset({"bottomk", "max", "min", "quantile", "stddev", "stdvar", "topk"})
"""Aggregations that leave histograms out."""


def aggregated(evaluation: Evaluation, expr: AggregateExpr, steps: Steps) -> Vector:
    """The value of an aggregation."""
    if expr.op == "count_values":
        return _count_values(evaluation, expr, steps)
    parameter = None if expr.param is None else evaluation.scalar(expr.param, steps)
    vector = evaluation.vector(expr.expr, steps)
    notes = Notes(evaluation.annotations, expr.expr.pos)
    if vector.histograms is not None:
        if expr.op in {"sum", "avg"}:
            return folded(expr.op, vector, expr.grouping, without=expr.without, notes=notes)
        if expr.op in _OF_NUMBERS:
            vector = _numbers(vector, expr.op, notes)
    if parameter is not None:
        return _with_parameter(evaluation, expr, vector, parameter)
    reduction = REDUCTIONS.get(expr.op)
    if reduction is None:
        raise QueryError(f"unknown aggregation {expr.op}")
    if not vector.size:
        return vector
    grouped = Grouped(vector, expr.grouping, without=expr.without)
    return grouped.result(reduction(grouped))


def _numbers(vector: Vector, op: str, notes: Notes) -> Vector:
    """The vector without its histograms, which the operator cannot take into account."""
    found = vector.histogram_cells()
    if found is not None and found.any():
        notes.ignored_in_aggregation(op)
    return vector.floats()


def _with_parameter(evaluation: Evaluation, expr: AggregateExpr, vector: Vector, parameter: Floats) -> Vector:
    assert expr.param is not None  # the caller evaluated it
    if expr.op == "quantile":
        for message in quantile_warnings(parameter):
            evaluation.annotations.warn(message, expr.param.pos)
        return grouped_quantile(_grouped(vector, expr), parameter) if vector.size else vector
    if expr.op == "limit_ratio":
        return limit_ratio(vector, _ratio(evaluation, expr, parameter))
    wanted = _whole_numbers(parameter)
    if not vector.size:
        return vector
    grouped = _grouped(vector, expr)
    match expr.op:
        case "topk" | "bottomk":
            return extremes(grouped, wanted, largest=expr.op == "topk")
        case "limitk":
            return limitk(grouped, wanted)
        case _:
            raise QueryError(f"unknown aggregation {expr.op}")


def _grouped(vector: Vector, expr: AggregateExpr) -> Grouped:
    return Grouped(vector, expr.grouping, without=expr.without)


def _whole_numbers(parameter: Floats) -> Ints:
    """How many samples to keep at each step. Raises ``QueryError`` for what is no int64."""
    if np.isnan(parameter).any():
        raise QueryError("Parameter value is NaN")
    large, small = float(parameter.max()), float(parameter.min())
    if large >= 2.0**63:
        raise QueryError(f"Scalar value {shortest(large)} overflows int64")
    if small <= -(2.0**63):
        raise QueryError(f"Scalar value {shortest(small)} underflows int64")
    return parameter.astype(np.int64)


def _ratio(evaluation: Evaluation, expr: AggregateExpr, parameter: Floats) -> Floats:
    """Ratios between -1 and 1; others are capped with a warning."""
    assert expr.param is not None  # the caller evaluated it
    if np.isnan(parameter).any():
        raise QueryError("Ratio value is NaN")
    capped = np.clip(parameter, -1.0, 1.0)
    for bad, cap in dict.fromkeys(zip(parameter.tolist(), capped.tolist(), strict=True)):
        if bad != cap:
            message = f"ratio value should be between -1 and 1, got {shortest(bad)}, capping to {shortest(cap)}"
            evaluation.annotations.warn(message, expr.param.pos)
    return capped


def _count_values(evaluation: Evaluation, expr: AggregateExpr, steps: Steps) -> Vector:
    assert expr.param is not None  # the parser refuses count_values without its label
    label = evaluation.text(expr.param)
    if not is_label_name(label):
        raise QueryError(f"invalid label name {quote_go(label)}")
    vector = evaluation.vector(expr.expr, steps)
    return count_values(vector, label, expr.grouping, without=expr.without) if vector.size else vector
