"""Tokens of PromQL: kinds, keywords, and how error messages name them.

A kind is a plain string: the operator or keyword itself (``+``, ``offset``, ``sum``), or one of the constants here.
Keywords are recognised in any case, as Prometheus does.
"""

from __future__ import annotations

from typing import NamedTuple

from narthex.promql.signatures import AGGREGATIONS
from narthex.promql.strings import quote_go

__all__ = [
    "COMPARISONS",
    "DURATION",
    "END_OF_INPUT",
    "ERROR",
    "EXPRESSION_KINDS",
    "FILLS",
    "IDENTIFIER",
    "KEYWORDS",
    "LABEL_KINDS",
    "METRIC_IDENTIFIER",
    "METRIC_KINDS",
    "NUMBER",
    "OPERATORS",
    "SET_OPERATORS",
    "STRING",
    "Token",
    "describe",
]

IDENTIFIER = "identifier"
METRIC_IDENTIFIER = "metric identifier"
NUMBER = "number"
DURATION = "duration"
STRING = "string"
END_OF_INPUT = "end of input"
ERROR = "error"

FILLS = frozenset({"fill", "fill_left", "fill_right"})
"""Keywords only where an opening parenthesis follows; plain identifiers elsewhere."""

SET_OPERATORS = frozenset({"and", "or", "unless"})
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_OTHERS = frozenset({"+", "-", "*", "/", "%", "^", "atan2", "</", ">/", "@", "=~", "!~"})
OPERATORS = _OTHERS | SET_OPERATORS | COMPARISONS

_MODIFIERS = frozenset(
    {
        *("offset", "smoothed", "anchored", "by", "without", "on", "ignoring", "group_left", "group_right", "bool"),
        *(*FILLS, "start", "end", "step", "range"),
    }
)
_CALLED = frozenset({"start", "end", "step", "range"})
KEYWORDS = {word: word for word in (*_MODIFIERS, *SET_OPERATORS, "atan2", *AGGREGATIONS)}
KEYWORDS |= {"inf": NUMBER, "nan": NUMBER}
"""Word in lower case to token kind."""

METRIC_KINDS = frozenset(
    {IDENTIFIER, METRIC_IDENTIFIER, "by", "without", "offset", "start", "end", "step", "range", "anchored", "smoothed"}
    | SET_OPERATORS
    | AGGREGATIONS
)
"""Kinds that may stand as a metric's name."""

EXPRESSION_KINDS = METRIC_KINDS | {NUMBER, DURATION, STRING, "(", "{", "+", "-"}
"""Kinds that an expression may begin with."""

LABEL_KINDS = (METRIC_KINDS | _MODIFIERS | {"atan2"}) - {"without"}
"""Kinds that may stand bare as a label's name in a grouping list; Prometheus's grammar leaves ``without`` out."""

_LONG = 10


class Token(NamedTuple):
    """One token: its text as written, and its place in bytes. Of an ``ERROR``, the text is the reason."""

    kind: str
    text: str
    start: int
    end: int


def describe(token: Token) -> str:
    """A token as error messages name it: ``identifier "x"``, ``<by>``, ``<op:*>``, ``")"``."""
    kind, text = token.kind, token.text
    if kind == END_OF_INPUT:
        return kind
    if kind in {IDENTIFIER, METRIC_IDENTIFIER}:
        return f"{kind} {quote_go(text)}"
    if kind in {NUMBER, DURATION, STRING}:
        return f"{kind} {quote_go(text[:_LONG]) + '...' if len(text) > _LONG else quote_go(text)}"
    if kind in OPERATORS:
        return f"<op:{text}>"
    if kind in AGGREGATIONS:
        return f"<aggr:{text}>"
    return f"<{text}>" if kind in _MODIFIERS and kind not in _CALLED else quote_go(text)
