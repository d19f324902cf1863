"""Text to expression: a Pratt parser, written so that errors are those of Prometheus, with positions in bytes.

Operators bind as the reference (§9.3) says; modifiers (``[5m]``, ``offset`` …) bind tighter than any of them. The other
grammar lives beside: :mod:`~narthex.promql.selectors`, :mod:`~narthex.promql.modifiers`, :mod:`~narthex.promql.calls`,
:mod:`~narthex.promql.matching` and :mod:`~narthex.promql.durationparser`. Types are checked while the tree is built,
bottom up, so no second walk is needed and a tree of any depth can be checked.
"""

from __future__ import annotations

from narthex.errors import ParseError
from narthex.promql.ast import Expr, NumberLiteral, ParenExpr, Span, StringLiteral, UnaryExpr
from narthex.promql.calls import aggregation, function_call
from narthex.promql.cursor import ALL_OPTIONS, Cursor, Fault, ParserOptions, StopParsing
from narthex.promql.lexer import tokenize
from narthex.promql.matching import binary, take_operator
from narthex.promql.modifiers import MODIFIERS
from narthex.promql.numbers import negated, number
from narthex.promql.selectors import vector_selector
from narthex.promql.signatures import AGGREGATIONS
from narthex.promql.strings import quote_go, unquote
from narthex.promql.tokens import DURATION, END_OF_INPUT, IDENTIFIER, METRIC_KINDS, NUMBER, STRING
from narthex.promql.valuetype import ValueType

__all__ = ["ALL_OPTIONS", "ParserOptions", "parse"]

_LEVELS = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", "<", ">=", ">", "</", ">/"),
    ("+", "-"),
    ("*", "/", "%", "atan2"),
)
_PRECEDENCE = {op: level for level, ops in enumerate(_LEVELS, start=1) for op in ops}
_POWER = len(_LEVELS) + 1
_PRECEDENCE["^"] = _POWER
_CALL_WORDS = frozenset({IDENTIFIER, "start", "end", "step", "range"})
_DEFAULT = ParserOptions()


def parse(text: str, *, options: ParserOptions = _DEFAULT) -> Expr:
    """The expression that ``text`` is.

    Bytes that are not UTF-8 come as lone surrogates (``surrogateescape``). Raises :class:`narthex.errors.ParseError`
    with every error found.
    """
    cursor = Cursor(tokenize(text), options)
    expr: Expr | None = None
    try:
        if cursor.token.kind == END_OF_INPUT:
            cursor.fault((0, 0), "no expression found in input")
        else:
            expr = _expression(cursor)
            if cursor.token.kind != END_OF_INPUT:
                raise cursor.unexpected()
    except StopParsing:
        pass
    except RecursionError:
        cursor.fault((cursor.token.start, cursor.token.end), "expression is nested too deeply")
    faults = cursor.syntax or cursor.typing
    if faults or expr is None:
        raise _error(text, faults)
    return expr


def _error(text: str, faults: list[Fault]) -> ParseError:
    start, _, message = faults[0]
    if not text:
        return ParseError(f"unknown position: parse error: {message}", tuple(faults))
    before = text.encode("utf-8", "surrogateescape")[:start]
    line = before.count(b"\n") + 1
    column = start - before.rfind(b"\n")
    return ParseError(f"{line}:{column}: parse error: {message}", tuple(faults))


def _expression(cursor: Cursor, least: int = 1) -> Expr:
    """An expression of operators that bind at least as tightly as ``least``."""
    left = _unary(cursor) if cursor.token.kind in {"+", "-"} else _operand(cursor)
    # A loop, not a recursion: a long chain of operators leans left without deepening the stack.
    while (precedence := _PRECEDENCE.get(cursor.token.kind, 0)) >= least:
        operator = take_operator(cursor)
        right = _expression(cursor, precedence if precedence == _POWER else precedence + 1)
        left = binary(cursor, left, operator, right)
    return left


def _unary(cursor: Cursor) -> Expr:
    sign = cursor.take()
    operand = _expression(cursor, _POWER)
    if isinstance(operand, NumberLiteral):
        return negated(operand, sign)
    span = Span(sign.start, operand.pos.end)
    if operand.type not in {ValueType.SCALAR, ValueType.VECTOR}:
        allowed = "unary expression only allowed on expressions of type scalar or instant vector"
        cursor.mistype(span, f"{allowed}, got {quote_go(operand.type.documented)}")
    return UnaryExpr(sign.kind, operand, span)


def _operand(cursor: Cursor) -> Expr:
    expr = _primary(cursor)
    while (modifier := MODIFIERS.get(cursor.token.kind)) is not None:
        expr = modifier(cursor, expr)
    return expr


def _primary(cursor: Cursor) -> Expr:
    kind = cursor.token.kind
    if kind == "{":
        return vector_selector(cursor)
    if kind in {NUMBER, DURATION}:
        return number(cursor)
    if kind in METRIC_KINDS:
        following = cursor.following()
        if following == "(" and kind in _CALL_WORDS:
            return function_call(cursor, _expression)
        if kind in AGGREGATIONS and following in {"(", "by", "without"}:
            return aggregation(cursor, _expression)
        return vector_selector(cursor)
    if kind == "(":
        return _parenthesised(cursor)
    if kind == STRING:
        token = cursor.take()
        return StringLiteral(unquote(token.text), Span(token.start, token.end))
    raise cursor.unexpected()


def _parenthesised(cursor: Cursor) -> ParenExpr:
    start = cursor.take().start
    inner = _expression(cursor)
    cursor.expect(")")
    return ParenExpr(inner, Span(start, cursor.end))
