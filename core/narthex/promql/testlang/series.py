"""Series lines of the test language: ``name{label="value"} 1 2+3x4 _x2 stale {{…}}``.

Also the notation of start timestamps, ``name@st -1m _x3``, whose items are offsets instead of values.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from narthex.config.durations import parse_duration
from narthex.model.histogram import (
    Histogram,
    IncompatibleHistogramsError,
    NotationError,
    add,
    joined_hint,
    parse_histogram,
    subtract,
)
from narthex.model.labels import Labels
from narthex.model.sample import STALE_NAN
from narthex.promql.cursor import ALL_OPTIONS, Cursor, StopParsing
from narthex.promql.lexer import tokenize
from narthex.promql.numbers import read_number
from narthex.promql.strings import unquote
from narthex.promql.tokens import IDENTIFIER, KEYWORDS, METRIC_IDENTIFIER, STRING

__all__ = ["SeriesLine", "Value", "parse_offsets", "parse_series"]

Value = float | Histogram | None
"""One position of a series: a number (or the stale marker), a histogram, or nothing."""

_NAMES = frozenset({IDENTIFIER, METRIC_IDENTIFIER, *KEYWORDS.values()})
_DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
_NUMBER = rf"(?:{_DURATION}|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|nan))"
_HISTOGRAM = r"\{\{.*?\}\}"
_END = r"(?=[ \t]|$)"
_ITEM = re.compile(
    rf"_(?:x(?P<gap>[0-9]+))?{_END}"
    rf"|(?P<stale>stale){_END}"
    rf"|(?P<value>[+-]?{_NUMBER})(?:(?P<delta>[+-]{_NUMBER})?x(?P<times>[0-9]+))?{_END}"
    rf"|(?P<histogram>{_HISTOGRAM})(?:(?:(?P<sign>[+-])(?P<change>{_HISTOGRAM}))?x(?P<repeat>[0-9]+))?{_END}"
)
_LENGTH = rf"(?:{_DURATION}|0)"
_OFFSET = re.compile(
    rf"_(?:x(?P<gap>[1-9][0-9]*))?{_END}"
    rf"|(?P<value>[+-]?{_LENGTH})(?:(?P<delta>[+-]{_LENGTH})?x(?P<times>[0-9]+))?{_END}"
)
_BLANK = re.compile(r"[ \t]*")
_IS_DURATION = re.compile(_DURATION)


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """A series and its values by position; ``starts`` says that they are offsets of start timestamps in ms.

    ``hinted`` are the positions of histograms whose counter-reset hint is written, so that it is part of what is
    expected.
    """

    labels: Labels
    values: tuple[Value, ...]
    starts: bool = False
    hinted: frozenset[int] = field(default=frozenset())


def parse_series(text: str) -> SeriesLine:
    """A line of a ``load`` or ``eval`` block. Raises :class:`NotationError`."""
    labels, end = _labels(text)
    data = text.encode("utf-8", "surrogateescape")
    rest = data[end:].decode("utf-8", "surrogateescape")
    if rest.startswith("@st") and rest[3:4] in {"", " ", "\t"}:
        return SeriesLine(labels, parse_offsets(rest[3:]), starts=True)
    if rest and rest[0] not in " \t":
        raise NotationError(f'unexpected "{rest[0]}" after the series', end)
    try:
        values, hinted = _values(rest)
    except NotationError as error:
        raise error.within(end) from None
    return SeriesLine(labels, values, hinted=hinted)


def _labels(text: str) -> tuple[Labels, int]:
    """The label set in front, and the byte where it ends."""
    cursor = Cursor(tokenize(text), ALL_OPTIONS)
    pairs: dict[str, str] = {}
    try:
        if cursor.token.kind in _NAMES:
            pairs["__name__"] = cursor.take().text
        elif cursor.token.kind != "{":
            raise cursor.unexpected("series description", 'metric name or "{"')
        # a brace further on begins a histogram
        if cursor.token.kind == "{" and text[cursor.token.start : cursor.token.start + 2] != "{{":
            _braces(cursor, pairs)
    except StopParsing:
        start, _, message = cursor.syntax[-1]
        raise NotationError(message, start) from None
    return Labels(pairs), cursor.end


def _braces(cursor: Cursor, pairs: dict[str, str]) -> None:
    cursor.take()
    while cursor.token.kind != "}":
        label = cursor.token
        if label.kind not in {IDENTIFIER, STRING}:
            raise cursor.unexpected("label set", 'identifier or "}"')
        cursor.take()
        name = unquote(label.text) if label.kind == STRING else label.text
        if label.kind == STRING and cursor.token.kind != "=":
            pairs["__name__"] = name
        else:
            cursor.expect("=", "label set", '"="')
            pairs[name] = unquote(cursor.expect(STRING, "label set", "string").text)
        if cursor.take_if(",") is None and cursor.token.kind != "}":
            raise cursor.unexpected("label set", '"," or "}"')
    cursor.take()


def _values(text: str) -> tuple[tuple[Value, ...], frozenset[int]]:
    """The values behind a series, and at which positions a hint is written. Raises :class:`NotationError`."""
    values: list[Value] = []
    hinted: set[int] = set()
    for item in _items(_ITEM, text):
        if item["stale"]:
            values.append(STALE_NAN)
        elif item["value"]:
            values += _numbers(item)
        elif item["histogram"]:
            found = _histograms(item)
            if "counter_reset_hint:" in item["histogram"]:
                hinted.update(range(len(values), len(values) + len(found)))
            values += found
        else:
            values += [None] * _gap(item)
    return tuple(values), frozenset(hinted)


def parse_offsets(text: str) -> tuple[float | None, ...]:
    """Start timestamps after ``@st``, in ms from the sample's own time. Raises :class:`NotationError`."""
    offsets: list[float | None] = []
    for item in _items(_OFFSET, text):
        if item["value"]:
            start, delta = (float(parse_duration_signed(item[key] or "0")) for key in ("value", "delta"))
            offsets += [start + delta * i for i in range(int(item["times"] or 0) + 1)]
        else:
            offsets += [None] * _gap(item)
    return tuple(offsets)


def parse_duration_signed(text: str) -> int:
    """A duration with an optional sign, in ms."""
    size = parse_duration(text.lstrip("+-"))
    return -size if text.startswith("-") else size


def _items(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = _skip(text, 0)
    while at < len(text):
        item = pattern.match(text, at)
        if item is None:
            raise NotationError(f"unexpected {text[at:].split(maxsplit=1)[0]!r} in series values", at)
        found.append(item)
        at = _skip(text, item.end())
    return found


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    assert blank is not None  # it matches the empty text too
    return blank.end()


def _gap(item: re.Match[str]) -> int:
    count = int(item["gap"] or 1)
    if not count:
        raise NotationError("a gap of no positions", item.start())
    return count


def _numbers(item: re.Match[str]) -> list[Value]:
    value, delta = _number(item["value"]), _number(item["delta"] or "0")
    values: list[Value] = []
    for _ in range(int(item["times"] or 0) + 1):
        values.append(value)
        value += delta
    return values


def _number(text: str) -> float:
    body = text.lstrip("+-")
    value = parse_duration(body) / 1000 if _IS_DURATION.fullmatch(body) else read_number(body)
    return math.copysign(value, -1.0) if text.startswith("-") and not math.isnan(value) else value


def _histograms(item: re.Match[str]) -> list[Value]:
    try:
        value = parse_histogram(item["histogram"])
        change = parse_histogram(item["change"]) if item["change"] else None
    except NotationError as error:
        raise error.within(item.start()) from None
    values: list[Value] = [value]
    for _ in range(int(item["repeat"] or 0)):
        try:
            value = value if change is None else _changed(value, change, item["sign"])
        except NotationError as error:
            raise NotationError(str(error), item.start("repeat")) from None
        values.append(value)
    return values


def _changed(value: Histogram, change: Histogram, sign: str) -> Histogram:
    """``value`` with ``change`` added or subtracted, in its own resolution."""
    reason = f"error combining histograms: cannot merge from schema {change.schema} to {value.schema}"
    if value.schema > change.schema:
        raise NotationError(reason)
    try:
        found = (add if sign == "+" else subtract)(value, change)
    except IncompatibleHistogramsError:
        raise NotationError(reason) from None
    return found.value.with_hint(joined_hint(value.hint, change.hint)[0])  # a difference is no gauge here
