"""Number literals: decimal, hexadecimal, octal, with underscores, ``Inf`` and ``NaN``, and durations as seconds."""

from __future__ import annotations

import math
import re

from narthex.config.durations import duration_fault, parse_duration
from narthex.promql.ast import NumberLiteral, Span
from narthex.promql.cursor import Cursor
from narthex.promql.strings import quote_go
from narthex.promql.tokens import DURATION, NUMBER, Token

__all__ = ["negated", "number", "read_number", "signed_number"]

_OCTAL = re.compile("0[0-7_]+")
_INTEGERS = 1 << 63


def read_number(text: str) -> float:
    """The value of a number token. Raises ``ValueError`` when it is too large.

    A whole number that does not fit an int64 is read as a decimal float, even behind a zero.
    """
    if (base := _base(text)) != 10:
        whole = int(text.replace("_", ""), base)
        if whole < _INTEGERS:
            return float(whole)
        if base == 16:  # as Prometheus, which takes it for a float now, and those need an exponent
            raise ValueError(f"strconv.ParseFloat: parsing {quote_go(text)}: invalid syntax")
    value = float(text)
    if math.isinf(value) and text.lower() != "inf":
        raise ValueError(f"strconv.ParseFloat: parsing {quote_go(text)}: value out of range")
    return math.nan if value != value else value  # noqa: PLR0124 - one NaN object, so that equal literals are equal


def _base(text: str) -> int:
    if text[:2] in {"0x", "0X"}:
        return 16
    return 8 if _OCTAL.fullmatch(text) else 10


def number(cursor: Cursor) -> NumberLiteral:
    """Take a number or duration token, which the caller has seen."""
    token = cursor.take()
    span = Span(token.start, token.end)
    if token.kind == DURATION:
        return NumberLiteral(_seconds(cursor, token), duration=True, pos=span)
    try:
        return NumberLiteral(read_number(token.text), pos=span)
    except (ValueError, OverflowError) as error:
        cursor.fault(span, f"error parsing number: {error}")
        return NumberLiteral(0.0, pos=span)


def _seconds(cursor: Cursor, token: Token) -> float:
    try:
        return parse_duration(token.text) / 1000
    except ValueError:
        cursor.fault((token.start, token.end), duration_fault(token.text, quote_go))
        return 0.0


def signed_number(cursor: Cursor, context: str, expected: str) -> float:
    """Take a number with an optional sign."""
    sign = cursor.take().kind if cursor.token.kind in {"+", "-"} else "+"
    if cursor.token.kind not in {NUMBER, DURATION}:
        raise cursor.unexpected(context, expected)
    value = number(cursor).value
    return -value if sign == "-" else value


def negated(literal: NumberLiteral, sign: Token) -> NumberLiteral:
    """The literal with the sign before it applied and its range extended to the sign."""
    value = literal.value
    if sign.kind == "-":
        value = math.nan if math.isnan(value) else -value
    return NumberLiteral(value, duration=literal.duration, pos=Span(sign.start, literal.pos.end))
