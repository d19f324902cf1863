"""Binary operations: their modifiers (``bool``, ``on``, ``group_left``, ``fill`` …), and whether the sides fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from narthex.promql.ast import BinaryExpr, Cardinality, Expr, Span, VectorMatching
from narthex.promql.cursor import Cursor
from narthex.promql.numbers import signed_number
from narthex.promql.selectors import label_list
from narthex.promql.strings import quote_go
from narthex.promql.tokens import COMPARISONS, FILLS, SET_OPERATORS
from narthex.promql.valuetype import ValueType

__all__ = ["Operator", "binary", "take_operator"]

_ONE_TO_ONE = VectorMatching()
_SET = VectorMatching(card="many-to-many")
_GROUPING: dict[str, Cardinality] = {"group_left": "many-to-one", "group_right": "one-to-many"}


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator with its modifiers, as read; ``pos`` reaches to the last of them."""

    op: str
    matching: VectorMatching
    return_bool: bool
    pos: Span


def take_operator(cursor: Cursor) -> Operator:
    """Take an operator and its modifiers; the caller has seen that an operator comes next."""
    token = cursor.take()
    op = token.kind
    return_bool = cursor.take_if("bool") is not None
    matching = _SET if op in SET_OPERATORS else _ONE_TO_ONE
    if cursor.token.kind in {"on", "ignoring"}:
        on = cursor.take().kind == "on"
        matching = replace(matching, on=on, labels=label_list(cursor))
        card = _GROUPING.get(cursor.token.kind)
        if card is not None:
            cursor.take()
            include = label_list(cursor) if cursor.token.kind == "(" else ()
            matching = replace(matching, card=card, include=include)
    while cursor.token.kind in FILLS:
        matching = _fill(cursor, matching)
    return Operator(op, matching, return_bool, Span(token.start, cursor.end))


def _fill(cursor: Cursor, matching: VectorMatching) -> VectorMatching:
    token = cursor.take()
    side: Literal["fill", "fill_left", "fill_right"] = token.kind  # type: ignore[assignment]  # the caller has seen it
    cursor.take()
    value = signed_number(cursor, "fill modifier", "number")
    cursor.expect(")", "fill modifier", '")"')
    if not cursor.options.fill_modifiers:
        cursor.fault((token.start, token.end), "binop fill modifiers are experimental and not enabled")
    if side == "fill":
        return replace(matching, fill_left=value, fill_right=value)
    return replace(matching, fill_left=value) if side == "fill_left" else replace(matching, fill_right=value)


def binary(cursor: Cursor, lhs: Expr, operator: Operator, rhs: Expr) -> BinaryExpr:
    """The operation, with every reason why the two sides do not fit noted."""
    pos = Span(lhs.pos.start, rhs.pos.end)
    # the very common case first: nothing to check for plain arithmetic and comparison of vectors
    vectors = lhs.type is ValueType.VECTOR and rhs.type is ValueType.VECTOR
    if not (vectors and operator.matching is _ONE_TO_ONE and not operator.return_bool):
        _check_operator(cursor, lhs, operator, rhs)
        _check_sides(cursor, lhs, rhs)
        _check_matching(cursor, operator, pos, vectors=vectors)
        if operator.op in SET_OPERATORS and ValueType.SCALAR in {lhs.type, rhs.type}:
            quoted = quote_go(operator.op)
            cursor.mistype(pos, f"set operator {quoted} not allowed in binary scalar expression")
    matching = operator.matching if vectors else None
    return BinaryExpr(operator.op, lhs, rhs, matching, operator.return_bool, pos, operator.pos)


def _check_operator(cursor: Cursor, lhs: Expr, operator: Operator, rhs: Expr) -> None:
    # Prometheus lets these ranges end on, not after, the last character
    place = (operator.pos.start, operator.pos.end - 1)
    comparison = operator.op in COMPARISONS
    if operator.return_bool and not comparison:
        cursor.mistype(place, "bool modifier can only be used on comparison operators")
    if comparison and not operator.return_bool and lhs.type is rhs.type is ValueType.SCALAR:
        cursor.mistype(place, "comparisons between scalars must use BOOL modifier")
    if operator.matching.on:
        for label in operator.matching.labels:
            if label in operator.matching.include:
                message = f"label {quote_go(label)} must not occur in ON and GROUP clause at once"
                cursor.mistype(place, message)


def _check_sides(cursor: Cursor, lhs: Expr, rhs: Expr) -> None:
    for side in (lhs, rhs):
        if side.type not in {ValueType.SCALAR, ValueType.VECTOR}:
            cursor.mistype(side.pos, "binary expression must contain only scalar and instant vector types")


def _check_matching(cursor: Cursor, operator: Operator, pos: Span, *, vectors: bool) -> None:
    matching = operator.matching
    filled = matching.fill_left is not None or matching.fill_right is not None
    if not vectors:
        if matching.labels:
            cursor.mistype(pos, "vector matching only allowed between instant vectors")
        if filled:
            cursor.mistype(pos, "filling in missing series only allowed between instant vectors")
    elif operator.op in SET_OPERATORS:
        if matching.card in _GROUPING.values():
            cursor.mistype(pos, f"no grouping allowed for {quote_go(operator.op)} operation")
        if matching.card != "many-to-many":
            cursor.mistype(pos, "set operations must always be many-to-many")
        if filled:
            cursor.mistype(pos, "filling in missing series not allowed for set operators")
