"""The Prometheus text format, as leniently as Prometheus's own scraper reads it.

White space may stand between any two tokens of a sample, commas between labels may be missing, and a label value may
even hold a raw newline, so the reader walks by position rather than by line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from narthex.errors import ExpositionError
from narthex.kinds import ParseOptions
from narthex.scrape.exposition import Comment, Entry, Help, Series, Type, number
from narthex_plugins.exposition.grammar import METRIC_TYPES, PLAIN, Grammar, State, decode, in_range, unquote
from narthex_plugins.exposition.samples import meaning

__all__ = ["parse_text", "read_timestamp"]

_GRAMMAR = Grammar(rb"[ \t]*", rb'[^\\"]', loose_commas=True)
_BLANK = re.compile(rb"[ \t\n]*")
_META = re.compile(rb"#[ \t]+(HELP|TYPE)[ \t]+")
_LINE = re.compile(rb"[^\n]*")
_VALUE = re.compile(rb"[ \t]*([^{ \t\n]+)[ \t]*")
_TIMESTAMP = re.compile(rb"(-?[0-9]+)[ \t]*")
_MILLISECONDS = re.compile(rb"-?[0-9]+")
# Nearly every line of nearly every exporter: one match instead of a dozen takes half off the first scrape of a target.
_USUAL = re.compile(rb'([a-zA-Z_:][a-zA-Z0-9_:]*)({(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*",?)*})? ([^{ \t\n]+)(?=\n|\Z)')
_USUAL_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
_HELP_ESCAPE = re.compile(rb"\\[\\n]")


def parse_text(body: bytes, options: ParseOptions = PLAIN) -> Sequence[Entry]:
    """Every entry of a body. Raises ``ExpositionError`` with the line."""
    entries: list[Entry] = []
    state = State()
    at = 0
    try:
        while True:
            blank = _BLANK.match(body, at)
            assert blank is not None  # matches the empty string
            at = blank.end()
            if at >= len(body):
                return entries
            read = _comment if body[at] == 0x23 else _sample
            entry, at = read(body, at, state, options)
            entries.append(entry)
    except ExpositionError as error:
        raise ExpositionError(error.message, body.count(b"\n", 0, at) + 1) from None


def read_timestamp(text: bytes) -> int | None:
    """A timestamp in ms; None for other text."""
    return in_range(int(text)) if _MILLISECONDS.fullmatch(text) else None


def _comment(body: bytes, at: int, state: State, _options: ParseOptions) -> tuple[Entry, int]:
    line = _LINE.match(body, at)
    assert line is not None
    meta = _META.match(body, at)
    if meta is None:
        return Comment(line[0].decode(errors="replace")), line.end()  # nobody reads it, so it may hold anything
    name = _GRAMMAR.meta_name.match(body, meta.end(), line.end())
    if name is None:
        raise ExpositionError(f"expected a metric name behind {meta[1].decode()}")
    metric = name[1].decode() if name[1] is not None else unquote(name[2])
    text = body[name.end() + 1 : line.end()]
    if meta[1] == b"HELP":
        return Help(
            metric, decode(_HELP_ESCAPE.sub(lambda found: b"\n" if found[0] == b"\\n" else b"\\", text))
        ), line.end()
    state.type = "unknown" if text == b"untyped" else decode(text)
    if state.type not in METRIC_TYPES or text == b"":
        raise ExpositionError(f'invalid metric type "{state.type}"')
    return Type(metric, state.type), line.end()


def _sample(body: bytes, at: int, state: State, options: ParseOptions) -> tuple[Entry, int]:
    usual = _USUAL.match(body, at)
    if usual is not None:
        series = decode(body[at : usual.start(3) - 1])
        name, _, listed = series.partition("{")
        pairs = _USUAL_PAIR.findall(listed)
        labels = {"__name__": name, **dict(pairs)}
        if len(labels) == len(pairs) + 1:  # a name that stands twice is for the reader below to refuse
            return Series(series, meaning(labels, state, options), number(usual[3])), usual.end()
    return _unusual_sample(body, at, state, options)


def _unusual_sample(body: bytes, at: int, state: State, options: ParseOptions) -> tuple[Entry, int]:
    start = _GRAMMAR.series.match(body, at)
    assert start is not None  # both parts are optional
    labels: dict[str, str] = {}
    if start[1] is not None:
        labels["__name__"] = start[1].decode()
    end = start.end() if start[2] is None else _GRAMMAR.labels(body, start.end(), labels, names=True)
    if "__name__" not in labels:
        raise ExpositionError("expected a metric name")
    if start[2] is None:
        end = start.end(1)
    series = decode(body[at:end])
    value = _VALUE.match(body, end)
    if value is None or (start[2] is None and value.start(1) == end):
        raise ExpositionError(f"expected a value behind {series[:100]!r}")
    number_at = value.end()
    timestamp = _TIMESTAMP.match(body, number_at) if value.end() > value.end(1) else None
    stop = timestamp.end() if timestamp else number_at
    if body[stop : stop + 1] not in {b"\n", b""}:
        raise ExpositionError(f"expected the end of the line behind {series[:100]!r}")
    when = in_range(int(timestamp[1])) if timestamp else None
    return Series(series, meaning(labels, state, options), number(value[1]), when), stop
