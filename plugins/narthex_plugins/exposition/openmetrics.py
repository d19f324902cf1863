"""The OpenMetrics text format, as Prometheus's scraper reads it: strict in white space, lenient in semantics.

One line is one entry; the body ends with ``# EOF``. What the specification asks of a family (order, suffixes, unique
samples) is not checked, because Prometheus scrapes such bodies too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from narthex.errors import ExpositionError
from narthex.kinds import ParseOptions
from narthex.scrape.exposition import EndOfBody, Entry, Exemplar, Help, Series, Type, Unit, number
from narthex_plugins.exposition.grammar import METRIC_TYPES, PLAIN, Grammar, State, decode, in_range, unquote
from narthex_plugins.exposition.samples import join_start_timestamps, meaning

__all__ = ["parse_line", "parse_openmetrics"]

_GRAMMAR = Grammar(rb"", rb'[^\\"\n]', loose_commas=False)
_META = re.compile(rb"# (HELP|TYPE|UNIT) ")
_EXEMPLAR = re.compile(rb" # {")
_WORD = re.compile(rb" ([^ \n]+)")
_HELP_ESCAPE = re.compile(rb'\\[\\n"]')
_HELP_TEXT = {b"\\\\": b"\\", b"\\n": b"\n", b'\\"': b'"'}


def parse_openmetrics(body: bytes, options: ParseOptions = PLAIN) -> Sequence[Entry]:
    """Every entry of a body, the end mark included. Raises ``ExpositionError`` with the line."""
    entries: list[Entry] = []
    state = State()
    lines = body.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for count, line in enumerate(lines, 1):
        if line == b"# EOF":
            if count < len(lines):
                raise ExpositionError("data behind # EOF", count + 1)
            entries.append(EndOfBody())
            return join_start_timestamps(entries) if options.skip_start_timestamp_series else entries
        try:
            entries.append(parse_line(line, state, options))
        except ExpositionError as error:
            raise ExpositionError(error.message, count) from None
    raise ExpositionError("the body does not end with # EOF", len(lines) + 1)


def parse_line(line: bytes, state: State, options: ParseOptions = PLAIN) -> Entry:
    """One line other than ``# EOF``, without its end; ``state`` is changed. Raises ``ExpositionError``."""
    return (_meta if line[:1] == b"#" else _sample)(line, state, options)


def _meta(line: bytes, state: State, _options: ParseOptions) -> Entry:
    meta = _META.match(line)
    if meta is None:
        raise ExpositionError("a comment is none of HELP, TYPE, UNIT and EOF")
    word = meta[1].decode()
    name = _GRAMMAR.meta_name.match(line, meta.end())
    if name is None:
        raise ExpositionError(f"expected a metric name behind {word}")
    metric = name[1].decode() if name[1] is not None else unquote(name[2])
    if line[name.end() : name.end() + 1] != b" ":
        raise ExpositionError(f"expected text in {word}")
    text = line[name.end() + 1 :]
    if word == "HELP":
        return Help(metric, decode(_HELP_ESCAPE.sub(lambda found: _HELP_TEXT[found[0]], text)))
    return _type(metric, decode(text), state) if word == "TYPE" else _unit(metric, decode(text), state)


def _type(metric: str, text: str, state: State) -> Type:
    if text not in METRIC_TYPES:
        raise ExpositionError(f'invalid metric type "{text}"')
    state.type = text
    return Type(metric, text)


def _unit(metric: str, text: str, state: State) -> Unit:
    if text and not metric.endswith("_" + text):
        raise ExpositionError(f'unit "{text}" is no suffix of metric "{metric}"')
    state.unit = text
    return Unit(metric, text)


def _sample(line: bytes, state: State, options: ParseOptions) -> Entry:
    start = _GRAMMAR.series.match(line)
    assert start is not None  # both parts are optional
    labels: dict[str, str] = {}
    if start[1] is not None:
        labels["__name__"] = start[1].decode()
    end = start.end() if start[2] is None else _GRAMMAR.labels(line, start.end(), labels, names=True)
    if "__name__" not in labels:
        raise ExpositionError("expected a metric name")
    series = decode(line[:end])
    value, timestamp, end = _value(line, end, "value")
    exemplars: tuple[Exemplar, ...] = ()
    mark = _EXEMPLAR.match(line, end)
    if mark:
        one, end = _exemplar(line, mark.end())
        exemplars = (one,)
    if end != len(line):
        raise ExpositionError(f"expected the end of the line behind {series[:100]!r}")
    return Series(series, meaning(labels, state, options), value, timestamp, None, exemplars)


def _exemplar(line: bytes, at: int) -> tuple[Exemplar, int]:
    labels: dict[str, str] = {}
    end = _GRAMMAR.labels(line, at, labels, names=False)
    value, timestamp, end = _value(line, end, "exemplar value")
    return Exemplar(labels, value, timestamp), end


def _value(line: bytes, at: int, what: str) -> tuple[float, int | None, int]:
    """A value and, if one follows, a timestamp in seconds; the position behind them."""
    value = _WORD.match(line, at)
    if value is None:
        raise ExpositionError(f"expected a {what}")
    read = number(value[1])
    when = _WORD.match(line, value.end())
    if when is None or when[1] == b"#":
        return read, None, value.end()
    seconds = number(when[1])
    if not math.isfinite(seconds):
        raise ExpositionError(f"invalid timestamp {when[1].decode()}")
    return read, in_range(int(seconds * 1000)), when.end()
