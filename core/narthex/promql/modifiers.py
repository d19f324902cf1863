"""What may follow a selector or sub-query: ``[5m]``, ``[5m:1m]``, ``offset``, ``@``, ``anchored``, ``smoothed``.

Each takes the expression before it and returns the one with the modifier applied, or, after an error, the same one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from narthex.model.number import format_value
from narthex.promql.ast import (
    At,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Span,
    SubqueryExpr,
    VectorSelector,
)
from narthex.promql.cursor import Cursor
from narthex.promql.durationparser import bracket_duration, offset_duration
from narthex.promql.numbers import signed_number
from narthex.promql.valuetype import ValueType

__all__ = ["MODIFIERS"]

_EXPECTED = "number, duration, step(), or range()"
_CONTEXT = "subquery or range selector"
_NO_SELECTOR = VectorSelector("", ())
_HUGE = float(1 << 63)
_BOUNDS = {"start": At("start"), "end": At("end")}


def _milliseconds(duration: DurationExpr | NumberLiteral) -> tuple[int, DurationExpr | None]:
    if isinstance(duration, DurationExpr):
        return 0, duration
    return round(duration.value * 1000), None


def _brackets(cursor: Cursor, expr: Expr) -> Expr:
    opening = cursor.take()
    range_, range_expr = _milliseconds(bracket_duration(cursor, _CONTEXT, _EXPECTED))
    if cursor.take_if(":") is None:
        cursor.expect("]", "subquery or range", '":" or "]"')
        return _matrix(cursor, expr, range_, range_expr, Span(opening.start, cursor.end))
    step, step_expr = 0, None
    if cursor.token.kind != "]":
        step, step_expr = _milliseconds(bracket_duration(cursor, "subquery selector", 'duration or "]"'))
    cursor.expect("]", "subquery selector", '"]"')
    span = Span(expr.pos.start, cursor.end)
    if expr.type is not ValueType.VECTOR:
        cursor.mistype(span, f"subquery is only allowed on instant vector, got {expr.type.value} instead")
    return SubqueryExpr(expr, range_, range_expr, step, step_expr, pos=span)


def _matrix(cursor: Cursor, expr: Expr, range_: int, range_expr: DurationExpr | None, brackets: Span) -> MatrixSelector:
    selector = expr if isinstance(expr, VectorSelector) else _NO_SELECTOR
    if selector is _NO_SELECTOR:
        cursor.fault(brackets, "ranges only allowed for vector selectors")
    elif selector.offset or selector.offset_expr:
        cursor.fault(brackets, "no offset modifiers allowed before range")
    elif selector.at:
        cursor.fault(brackets, "no @ modifiers allowed before range")
    return MatrixSelector(selector, range_, range_expr, pos=Span(expr.pos.start, brackets.end))


def _target(cursor: Cursor, expr: Expr, modifier: str) -> VectorSelector | SubqueryExpr | None:
    """The node that holds the modifier, or None after an error."""
    if isinstance(expr, VectorSelector | SubqueryExpr):
        return expr
    if isinstance(expr, MatrixSelector):
        if expr.selector is not _NO_SELECTOR:
            return expr.selector
        cursor.fault(expr.pos, "ranges only allowed for vector selectors")
        return None
    kinds = "instant vector selector or range vector selector or a subquery"
    cursor.fault(expr.pos, f"{modifier} modifier must be preceded by an {kinds}")
    return None


def _extended(cursor: Cursor, expr: Expr, changed: VectorSelector | SubqueryExpr) -> Expr:
    """``expr`` with its inner node exchanged, reaching to the token taken last."""
    if isinstance(expr, MatrixSelector):
        assert isinstance(changed, VectorSelector)  # a matrix selector holds nothing else
        return replace(expr, selector=changed, pos=Span(expr.pos.start, cursor.end))
    return replace(changed, pos=Span(expr.pos.start, cursor.end))


def _offset(cursor: Cursor, expr: Expr) -> Expr:
    cursor.take()
    offset, offset_expr = _milliseconds(offset_duration(cursor))
    target = _target(cursor, expr, "offset")
    if target is None:
        return expr
    if target.offset or target.offset_expr:
        cursor.fault(expr.pos, "offset may not be set multiple times")
        return expr
    return _extended(cursor, expr, replace(target, offset=offset, offset_expr=offset_expr))


def _at(cursor: Cursor, expr: Expr) -> Expr:
    cursor.take()
    at = _moment(cursor, expr)
    target = _target(cursor, expr, "@")
    if target is None or at is None:
        return expr
    if target.at is not None:
        cursor.fault(expr.pos, "@ <timestamp> may not be set multiple times")
        return expr
    return _extended(cursor, expr, replace(target, at=at))


def _moment(cursor: Cursor, expr: Expr) -> At | None:
    bound = _BOUNDS.get(cursor.token.kind)
    if bound is not None:
        cursor.take()
        cursor.expect("(", "@", "timestamp")
        cursor.expect(")", "@", "timestamp")
        return bound
    seconds = signed_number(cursor, "@", "timestamp")
    if not abs(seconds) < _HUGE:
        spelled = f"{seconds:f}" if math.isfinite(seconds) else format_value(seconds)
        cursor.fault(expr.pos, f"timestamp out of bounds for @ modifier: {spelled}")
        return None
    return At("timestamp", _half_away(seconds * 1000))


def _half_away(value: float) -> int:
    """Round half away from zero, as Go does; Python rounds half to even."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def _extended_range(cursor: Cursor, expr: Expr) -> Expr:
    word = cursor.take().kind
    if not cursor.options.extended_range_selectors:
        cursor.fault(expr.pos, f"{word} modifier is experimental and not enabled")
        return expr
    target = _target(cursor, expr, word)
    if target is None:
        return expr
    if isinstance(target, SubqueryExpr):
        cursor.fault(expr.pos, f"{word} modifier is not supported for subqueries")
        return expr
    if target.anchored or target.smoothed:
        cursor.fault(expr.pos, "anchored and smoothed modifiers cannot be used together")
        return expr
    changed = replace(target, anchored=True) if word == "anchored" else replace(target, smoothed=True)
    return _extended(cursor, expr, changed)


MODIFIERS: Mapping[str, Callable[[Cursor, Expr], Expr]] = MappingProxyType(
    {"[": _brackets, "offset": _offset, "@": _at, "anchored": _extended_range, "smoothed": _extended_range}
)
"""Token kind to what parses the modifier that begins with it."""
