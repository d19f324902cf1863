"""Vector selectors: a name, label matchers in braces, or both; and the names that may stand in a list of labels."""

from __future__ import annotations

from narthex.model.matcher import Matcher, MatchOp
from narthex.promql.ast import Span, VectorSelector
from narthex.promql.cursor import Cursor
from narthex.promql.strings import quote_go, unquote
from narthex.promql.tokens import IDENTIFIER, LABEL_KINDS, STRING, Token
from narthex.regex import fault

__all__ = ["label_list", "vector_selector"]

_NAME = "__name__"
_OPERATORS = {op.value: op for op in MatchOp}
_CONTEXT = "label matching"


def vector_selector(cursor: Cursor) -> VectorSelector:
    """Take a selector; the caller has seen that a name or a brace comes next."""
    start = cursor.token.start
    name = "" if cursor.token.kind == "{" else cursor.take().text
    matchers = _braces(cursor) if cursor.token.kind == "{" else []
    span = Span(start, cursor.end)
    if name:
        _check_single_name(cursor, name, matchers, span)
        matchers.append(Matcher(MatchOp.EQUAL, _NAME, name))
    elif not any(_needs_value(matcher) for matcher in matchers):
        cursor.mistype(span, "vector selector must contain at least one non-empty matcher")
    return VectorSelector(name, tuple(matchers), pos=span)


def _check_single_name(cursor: Cursor, name: str, matchers: list[Matcher], span: Span) -> None:
    for matcher in matchers:
        if matcher.name == _NAME:
            found = f"{quote_go(name)} or {quote_go(matcher.value)}"
            cursor.mistype(span, f"metric name must not be set twice: {found}")


def _needs_value(matcher: Matcher) -> bool:
    """Whether the matcher refuses series without the label; a selector of everything is most likely a mistake."""
    return not matcher.matches("")


def _braces(cursor: Cursor) -> list[Matcher]:
    cursor.take()
    matchers: list[Matcher] = []
    while cursor.token.kind != "}":
        matcher = _matcher(cursor)
        if matcher is not None:
            matchers.append(matcher)
        if cursor.take_if(",") is None and cursor.token.kind != "}":
            raise cursor.unexpected(_CONTEXT, '"," or "}"')
    cursor.take()
    return matchers


def _matcher(cursor: Cursor) -> Matcher | None:
    """One matcher, or the quoted name of a metric; None where a regular expression is broken."""
    label = cursor.token
    if label.kind not in {IDENTIFIER, STRING}:
        raise cursor.unexpected(_CONTEXT, 'identifier or "}"')
    cursor.take()
    name = unquote(label.text) if label.kind == STRING else label.text
    op = _OPERATORS.get(cursor.token.kind)
    if op is None:
        if label.kind == STRING:
            return Matcher(MatchOp.EQUAL, _NAME, name)
        raise cursor.unexpected(_CONTEXT, "label matching operator")
    cursor.take()
    value = cursor.expect(STRING, _CONTEXT, "string")
    text = unquote(value.text)
    try:
        return Matcher(op, name, text)
    except ValueError as error:
        reason = fault(text) or error  # Prometheus reads the expression of a matcher as it stands, not anchored
        cursor.fault((label.start, value.end), f"error parsing regexp: {reason}")
        return None


def label_list(cursor: Cursor) -> tuple[str, ...]:
    """Labels in parentheses, as ``by``, ``on`` and ``group_left`` take them; a trailing comma is allowed."""
    context = "grouping opts"
    cursor.expect("(", context, '"("')
    labels: list[str] = []
    while cursor.token.kind != ")":
        labels.append(_label(cursor, context))
        if cursor.take_if(",") is None and cursor.token.kind != ")":
            raise cursor.unexpected(context, '"," or ")"')
    cursor.take()
    return tuple(labels)


def _label(cursor: Cursor, context: str) -> str:
    token: Token = cursor.token
    if token.kind != STRING and token.kind not in LABEL_KINDS:
        raise cursor.unexpected(context, "label")
    cursor.take()
    if token.kind != STRING:
        return token.text
    name = unquote(token.text)
    if not name or not _is_utf8(name):
        cursor.fault((token.start, token.end), f"invalid label name for grouping: {quote_go(name)}")
    return name


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
