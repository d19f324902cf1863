"""Durations inside brackets and after ``offset``: plain ones, and expressions over numbers, ``step()`` and ``range()``.

Between brackets the whole arithmetic is allowed. After ``offset`` a computed duration needs parentheses, because there
``offset 5m - 1`` subtracts from the sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from narthex.promql.ast import DurationExpr, NumberLiteral, Span
from narthex.promql.cursor import Cursor
from narthex.promql.numbers import negated, number
from narthex.promql.tokens import DURATION, NUMBER

__all__ = ["bracket_duration", "offset_duration"]

_Duration = DurationExpr | NumberLiteral

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_POWER = 3
_LIMIT = 1 << 63  # nanoseconds
_ZERO_DIVISION = {"/": "division by zero", "%": "modulo by zero"}
_BROKEN = NumberLiteral(0.0)


def bracket_duration(cursor: Cursor, context: str, expected: str) -> _Duration:
    """A range or step: any expression; must be positive where that can be told now."""
    value = _expression(cursor, 1, context, expected)
    if isinstance(value, NumberLiteral) and not value.value > 0:
        cursor.fault(value.pos, "duration must be greater than 0")
    return value


def offset_duration(cursor: Cursor) -> _Duration:
    """What follows ``offset``: an optional sign and one operand."""
    expected = "number, duration, step(), or range()"
    if cursor.token.kind in {"+", "-"}:
        return _signed(cursor, lambda: _operand(cursor, "offset", expected))
    return _operand(cursor, "offset", expected)


def _expression(cursor: Cursor, least: int, context: str, expected: str) -> _Duration:
    if cursor.token.kind in {"+", "-"}:
        left = _signed(cursor, lambda: _expression(cursor, _POWER, context, expected))
    else:
        left = _operand(cursor, context, expected)
    while (precedence := _PRECEDENCE.get(cursor.token.kind, 0)) >= least:
        operator = cursor.take()
        right = _expression(cursor, precedence + (operator.kind != "^"), context, expected)
        if operator.kind in _ZERO_DIVISION and isinstance(right, NumberLiteral) and right.value == 0:
            cursor.fault((operator.start, operator.end), _ZERO_DIVISION[operator.kind])
            left = _BROKEN
        else:
            left = _computed(cursor, operator.kind, left, right, Span(left.pos.start, right.pos.end))
    return left


def _signed(cursor: Cursor, operand: Callable[[], _Duration]) -> _Duration:
    sign = cursor.take()
    value = operand()
    if isinstance(value, NumberLiteral):
        return negated(value, sign)
    if sign.kind == "+":
        return value
    return _computed(cursor, "-", None, value, Span(sign.start, value.pos.end))


def _operand(cursor: Cursor, context: str, expected: str) -> _Duration:
    token = cursor.token
    if token.kind in {NUMBER, DURATION}:
        literal = number(cursor)
        if abs(literal.value) > _LIMIT / 1e9 or literal.value != literal.value:
            cursor.fault(literal.pos, "duration out of range")
            return _BROKEN
        return literal
    if token.kind == "(":
        return _wrapped(cursor, context, expected)
    name = token.text.lower()
    if name in {"step", "range"} and cursor.following() == "(":
        cursor.take()
        cursor.take()
        cursor.expect(")", context, expected)
        return _computed(cursor, f"{name}()", None, None, Span(token.start, cursor.end))
    if name in {"min_of", "max_of"} and cursor.following() == "(":
        return _extreme(cursor, name, context, expected)
    if name in {"step", "range"}:
        cursor.take()
    raise cursor.unexpected(context, expected)


def _extreme(cursor: Cursor, name: str, context: str, expected: str) -> _Duration:
    start = cursor.take().start
    cursor.take()
    left = _expression(cursor, 1, context, expected)
    cursor.expect(",", context, expected)
    right = _expression(cursor, 1, context, expected)
    cursor.expect(")", context, expected)
    return _computed(cursor, name, left, right, Span(start, cursor.end))


def _wrapped(cursor: Cursor, context: str, expected: str) -> _Duration:
    start = cursor.take().start
    inner = _expression(cursor, 1, context, expected)
    cursor.expect(")", context, expected)
    span = Span(start, cursor.end)
    if isinstance(inner, DurationExpr):
        return replace(inner, wrapped=True, pos=span)
    return replace(_computed(cursor, "+", None, inner, span), wrapped=True)


def _computed(cursor: Cursor, op: str, lhs: _Duration | None, rhs: _Duration | None, span: Span) -> DurationExpr:
    if not cursor.options.duration_expressions:
        cursor.fault(span, "experimental duration expression is not enabled")
    return DurationExpr(op, lhs, rhs, pos=span)
