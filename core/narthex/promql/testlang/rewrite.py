"""Variations of an evaluation that must give the same answer.

An expression pinned to a moment by ``@`` answers the same whenever it is asked; and the middle step of a range query
answers what an instant query at that moment does. The runner tries both, so every script line tests more than it says.
"""

from __future__ import annotations

from dataclasses import replace

from narthex.promql.ast import (
    AggregateExpr,
    At,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    walk,
)

__all__ = ["evaluation_times", "has_query_bounds", "is_time_bound", "pinned"]

_BOUNDS = frozenset({"start", "end", "range", "step"})
_CLOCK = frozenset(
    {
        *("time", "timestamp", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute"),
        *("month", "year", "predict_linear"),
    }
)


def _calls(expr: Expr) -> set[str]:
    return {node.func for node in walk(expr) if isinstance(node, Call)}


def is_time_bound(expr: Expr) -> bool:
    """Whether the answer depends on the evaluation time even when every selector is pinned."""
    return not _calls(expr).isdisjoint(_CLOCK | _BOUNDS)


def has_query_bounds(expr: Expr) -> bool:
    """Whether the answer depends on the query's start, end or step."""
    return not _calls(expr).isdisjoint(_BOUNDS)


def evaluation_times(moment: int) -> tuple[int, ...]:
    """When (ms) to ask for an expression that is pinned to ``moment``."""
    return (-10 * moment, 0, moment // 5, moment, 10 * moment) if moment else (-1000, 0, 1000)


def pinned(expr: Expr, moment: int) -> Expr:
    """The expression with ``@ moment`` on every selector that has none; of nested sub-queries on the outermost."""
    at = At("timestamp", moment)
    match expr:
        case VectorSelector():
            return expr if expr.at else replace(expr, at=at)
        case MatrixSelector(selector=selector):
            return expr if selector.at else replace(expr, selector=replace(selector, at=at))
        case SubqueryExpr():
            return expr if expr.at else replace(expr, at=at)
        case BinaryExpr():
            return replace(expr, lhs=pinned(expr.lhs, moment), rhs=pinned(expr.rhs, moment))
        case Call():
            return replace(expr, args=tuple(pinned(one, moment) for one in expr.args))
        case AggregateExpr():
            param = None if expr.param is None else pinned(expr.param, moment)
            return replace(expr, expr=pinned(expr.expr, moment), param=param)
        case ParenExpr() | UnaryExpr():
            return replace(expr, expr=pinned(expr.expr, moment))
        case _:
            return expr
