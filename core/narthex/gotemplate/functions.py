"""Prometheus's template functions, apart from the engine: alert templates and console pages use them.

The table is made for one moment and one server, because ``query``, ``now`` and the links depend on them. Parsing needs
the names only; :func:`for_parsing` serves that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from narthex.config.durations import duration_fault
from narthex.config.types import Duration
from narthex.gotemplate import humanize as numbers
from narthex.gotemplate import samples
from narthex.gotemplate.calls import CallError, Function, Functions
from narthex.gotemplate.escape import escape_query
from narthex.gotemplate.literals import quote
from narthex.gotemplate.samples import QueryFunction, QueryResult, TemplateSample
from narthex.gotemplate.values import Html
from narthex.regex import Regex, fault
from narthex.relabel.case import lower, one_rune, upper
from narthex.relabel.expand import compile_template

__all__ = ["for_parsing", "graph_link", "prometheus_functions", "table_link"]


def graph_link(expression: str) -> str:
    """Path of the graph page that plots an expression."""
    return f"/graph?g0.expr={escape_query(expression)}&g0.tab=0"


def table_link(expression: str) -> str:
    """Path of the graph page that lists an expression's result."""
    return f"/graph?g0.expr={escape_query(expression)}&g0.tab=1"


def _title(text: str) -> str:
    """The first letter of each word in upper case, the rest as it is; digits and underscores do not end a word."""
    pieces, before = [], " "
    for char in text:
        starts = not (before.isalnum() or before == "_") and (before.isascii() or before.isspace())
        pieces.append(one_rune(char, str.title) if starts else char)
        before = char
    return "".join(pieces)


def _regex(pattern: str) -> Regex:
    """The expression as Go's ``regexp.MustCompile`` takes it: there a dot does not match a newline."""
    try:
        Regex(pattern)  # by itself: the group below would balance a stray parenthesis
        return Regex(f"(?-s:{pattern})")
    except ValueError as error:
        raise CallError(f"error parsing regexp: {fault(pattern) or error}") from None


def _match(pattern: str, text: str) -> bool:
    return _regex(pattern).search(text)


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    """Go's ``ReplaceAllString``; an empty match right after another match is none."""
    regex, data = _regex(pattern), text.encode()
    pieces: list[bytes] = []
    copied = at = 0
    last_end = -1
    while at <= len(data) and (spans := regex.spans(data, at)) is not None:
        start, end = spans[0]
        if end > start or start != last_end:
            groups = [data[a:b].decode(errors="replace") if a >= 0 else "" for a, b in spans]
            expand = compile_template(replacement, len(spans) - 1, regex.names).expander()
            pieces += (data[copied:start], expand(groups).encode())
            copied = last_end = end
        at = end if end > start else _next_character(data, end)
    return b"".join((*pieces, data[copied:])).decode(errors="replace")


def _next_character(data: bytes, at: int) -> int:
    at += 1
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return at


def _split_port(address: str) -> tuple[str, str] | None:
    """Host and port as Go's ``net.SplitHostPort`` finds them; None where it finds an error."""
    host, colon, port = address.rpartition(":")
    if not colon or "[" in port or "]" in port:
        return None
    if host.startswith("["):
        inner = host[1:-1]
        return (inner, port) if host.endswith("]") and "[" not in inner and "]" not in inner else None
    return None if any(char in host for char in ":[]") else (host, port)


def _strip_port(address: str) -> str:
    split = _split_port(address)
    return address if split is None else split[0]


def _strip_domain(address: str) -> str:
    """The host name up to its first dot; the port stays, and IP addresses stay whole."""
    split = _split_port(address)
    host, port = split or (address, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        short = host.split(".", 1)[0]
        return f"[{short}]:{port}" if port and ":" in short else f"{short}:{port}" if port else short
    return address


def _parse_duration(text: str) -> float:
    try:
        return Duration.parse(text, allow_negative=True).seconds
    except ValueError:
        raise CallError(duration_fault(text.removeprefix("-"), quote)) from None


def _args(*values: Any) -> dict[str, Any]:
    return {f"arg{number}": value for number, value in enumerate(values)}


def _render(run: Any, name: str, data: Any) -> Html:
    return Html(run.render(name, data))


_FIXED: Functions = {
    "first": Function(
        samples.first,
        ("template.queryResult",),
        summary="first element of a query's result; an error where there is none",
    ),
    "label": Function(samples.label, ("string", "*template.sample"), summary="value of a label of an element"),
    "value": Function(samples.value, ("*template.sample",), summary="value of an element"),
    "strvalue": Function(samples.string_value, ("*template.sample",), summary="label `__value__` of an element"),
    "sortByLabel": Function(
        samples.sort_by_label, ("string", "template.queryResult"), summary="elements in order of a label"
    ),
    "humanize": Function(numbers.humanize, ("any",), summary="four digits and a metric prefix: `1.235M`, `120m`"),
    "humanize1024": Function(numbers.humanize_1024, ("any",), summary="four digits and a binary prefix: `1.5Mi`"),
    "humanizeDuration": Function(numbers.humanize_duration, ("any",), summary="seconds as `1d 2h 3m 4s`"),
    "humanizePercentage": Function(numbers.humanize_percentage, ("any",), summary="a ratio as `12.35%`"),
    "humanizeTimestamp": Function(numbers.humanize_timestamp, ("any",), summary="Unix seconds as a time in UTC"),
    "toTime": Function(numbers.to_time, ("any",), summary="Unix seconds as a time object (`.Format`, `.Unix`, …)"),
    "toDuration": Function(numbers.to_duration, ("any",), summary="seconds as a duration object (`.String`, …)"),
    "parseDuration": Function(_parse_duration, ("string",), summary="seconds of a duration such as `1h30m`"),
    "title": Function(_title, ("string",), summary="first letter of each word in upper case"),
    "toUpper": Function(upper, ("string",), summary="upper case"),
    "toLower": Function(lower, ("string",), summary="lower case"),
    "match": Function(_match, ("string", "string"), summary="whether an RE2 expression matches a part of the text"),
    "reReplaceAll": Function(
        _replace_all, ("string", "string", "string"), summary="every match of an expression replaced; `$1` works"
    ),
    "stripPort": Function(_strip_port, ("string",), summary="host of `host:port`"),
    "stripDomain": Function(_strip_domain, ("string",), summary="host name up to its first dot; the port stays"),
    "urlQueryEscape": Function(escape_query, ("string",), summary="text escaped for a URL query"),
    "graphLink": Function(graph_link, ("string",), summary="path of the page that plots an expression"),
    "tableLink": Function(table_link, ("string",), summary="path of the page that lists an expression's result"),
    "args": Function(_args, (), "any", summary="a map `arg0`, `arg1`, … to pass several values to a template"),
    "tmpl": Function(_render, ("string", "any"), wants_run=True, summary="a template whose name is computed, as HTML"),
    "safeHtml": Function(Html, ("string",), summary="text that is HTML already and is not escaped"),
}


def prometheus_functions(query: QueryFunction, now: float, external_url: str = "") -> Functions:
    """The whole table. ``now`` is the evaluation's time in seconds since the epoch."""
    prefix = urlsplit(external_url).path
    return {
        "query": Function(
            lambda expression: QueryResult(query(expression)),
            ("string",),
            summary="result of an instant query at the evaluation's time",
        ),
        **_FIXED,
        "now": Function(lambda: now, summary="the evaluation's time in Unix seconds"),
        "pathPrefix": Function(lambda: prefix, summary="path of the external URL"),
        "externalURL": Function(lambda: external_url, summary="the URL under which the server is reached"),
    }


def for_parsing() -> Functions:
    """The table for templates that are parsed but not executed now."""
    return prometheus_functions(_no_query, 0.0)


def _no_query(_expression: str) -> Sequence[TemplateSample]:
    raise CallError("no query can be made here")
