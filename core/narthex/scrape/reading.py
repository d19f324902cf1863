"""Reading a body in earnest: what each line is, parsing only what is not known yet.

The result is a proposal. The cache decides over it (labels, limits, duplicates) and only then changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from narthex.errors import ExpositionError
from narthex.kinds import ScrapeKind
from narthex.scrape.exposition import Entry, HistogramSeries, Series, StartTimestamps
from narthex.scrape.lines import NEVER, one_value, plain_values
from narthex.scrape.row import BIN

__all__ = ["Parsed", "Reading", "Stamped", "read_lines", "read_whole"]

_NO_SAMPLE = frozenset({b"", b"#"})
_SPACE = b" \t"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A sample that went through the parser: the ``place`` of its line, what stands before the value, the entry."""

    place: int
    prefix: bytes
    entry: Series


@dataclass(frozen=True, slots=True)
class Stamped:
    """A sample with a timestamp (ms) of its own, of a series known by the text in front of the value."""

    place: int
    prefix: bytes
    value: float
    timestamp: int


@dataclass(slots=True)
class Reading:
    """A body, sorted by what is to be done.

    ``prefixes`` and ``cells`` are parallel to ``lines`` and filled for known series; ``places`` and ``values`` are the
    known series' samples, ``stamped`` those with timestamps, ``parsed`` the other ones. ``entries`` holds what the
    parser gave, or None where the comments, and so the metadata, are those of the body before. A body that is not read
    by lines has no ``lines``. ``apart`` are the samples that have no cell (:mod:`narthex.scrape.apart`).
    """

    lines: Sequence[bytes]
    prefixes: list[bytes]
    cells: list[int]
    places: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    stamped: list[Stamped] = field(default_factory=list)
    parsed: list[Parsed] = field(default_factory=list)
    comments: Sequence[bytes] = ()
    entries: Sequence[Entry] | None = None
    apart: Sequence[Series | HistogramSeries] = ()


def read_lines(
    lines: Sequence[bytes],
    known: Mapping[bytes, int],
    stamped: Container[bytes],
    comments: Sequence[bytes],
    kind: ScrapeKind,
    content_type: str,
) -> Reading | None:
    """Read by lines.

    ``known`` maps what stands before a value to a cell, ``stamped`` holds it for series with timestamps, ``comments``
    are those of the body before. None where the lines cannot be told apart (a label value with a raw newline). Raises
    ``ExpositionError``.
    """
    reading = Reading(lines, [NEVER] * len(lines), [BIN] * len(lines))
    others, unknown = _look_up(reading, known)
    if kind.timestamp is not None:
        unknown = _look_up_stamped(reading, unknown, stamped, kind.timestamp)
    reading.comments = [lines[place] for place in others]
    # A sample behind the last comment may stand behind an end mark: only the parser can tell.
    end = max((place for place in others if lines[place]), default=-1)
    unknown += _take_back(reading, end)
    if not unknown and reading.comments == comments:
        return reading
    order = sorted(others + unknown)
    reading.entries = _parse(b"\n".join([lines[place] for place in order]), order, kind, content_type)
    return reading if _assign(reading, [place for place in order if lines[place].strip()]) else None


def read_whole(body: bytes, kind: ScrapeKind, content_type: str, starts: StartTimestamps) -> Reading:
    """Read a body whose samples are not lines of their own. Raises ``ExpositionError``."""
    entries = kind.parse(body, content_type)
    samples: list[Series] = []
    apart: list[Series | HistogramSeries] = []
    for entry in entries:
        if isinstance(entry, Series) and (entry.start_timestamp is None or starts is StartTimestamps.IGNORED):
            samples.append(entry)
        elif isinstance(entry, Series | HistogramSeries):
            apart.append(entry)
    reading = Reading((), [NEVER] * len(samples), [BIN] * len(samples), entries=entries, apart=apart)
    reading.parsed = [Parsed(place, one.series.encode() + b" ", one) for place, one in enumerate(samples)]
    return reading


def _look_up(reading: Reading, known: Mapping[bytes, int]) -> tuple[list[int], list[int]]:
    """Fill in the known series; the places of lines without a sample, and of those that need the parser."""
    others: list[int] = []
    unknown: list[int] = []
    texts: list[bytes] = []
    prefixes, cells, places, find = reading.prefixes, reading.cells, reading.places, known.get
    for place, line in enumerate(reading.lines):
        if line[:1] in _NO_SAMPLE:
            others.append(place)
            continue
        head, space, text = line.rpartition(b" ")
        prefix = head + space
        cell = find(prefix)
        if cell is None:
            unknown.append(place)
            continue
        prefixes[place] = prefix
        cells[place] = cell
        places.append(place)
        texts.append(text)
    unknown += _read_values(reading, texts)
    return others, unknown


def _read_values(reading: Reading, texts: list[bytes]) -> list[int]:
    """Read the known series' values; the places of those that are no number, for the parser to complain about."""
    plain = plain_values(texts)
    if plain is not None:
        reading.values = plain.tolist()
        return []
    read = [one_value(text) for text in texts]
    refused = [place for place, value in zip(reading.places, read, strict=True) if value is None]
    reading.places = [place for place, value in zip(reading.places, read, strict=True) if value is not None]
    reading.values = [value for value in read if value is not None]
    for place in refused:
        reading.prefixes[place], reading.cells[place] = NEVER, BIN
    return refused


def _look_up_stamped(
    reading: Reading, unknown: Sequence[int], stamped: Container[bytes], timestamp: Callable[[bytes], int | None]
) -> list[int]:
    """Fill in the samples with timestamps of known series; the places that are left for the parser."""
    left: list[int] = []
    for place in unknown:
        head, _, when = reading.lines[place].rpartition(b" ")
        series, space, text = head.rpartition(b" ")
        prefix = series + space
        time = timestamp(when) if prefix in stamped else None
        value = one_value(text) if time is not None else None
        if time is None or value is None:
            left.append(place)
        else:
            reading.stamped.append(Stamped(place, prefix, value, time))
    return left


def _take_back(reading: Reading, end: int) -> list[int]:
    """The place of the last known sample, taken back, if it is behind ``end``."""
    plain = reading.places[-1] if reading.places else -1
    stamped = reading.stamped[-1].place if reading.stamped else -1
    if max(plain, stamped) <= end:
        return []
    if stamped > plain:
        reading.stamped.pop()
        return [stamped]
    reading.places.pop()
    reading.values.pop()
    reading.prefixes[plain], reading.cells[plain] = NEVER, BIN
    return [plain]


def _parse(text: bytes, order: Sequence[int], kind: ScrapeKind, content_type: str) -> Sequence[Entry]:
    try:
        return kind.parse(text, content_type)
    except ExpositionError as error:
        line = order[error.line - 1] + 1 if 0 < error.line <= len(order) else 0
        raise ExpositionError(error.message, line) from None


def _assign(reading: Reading, places: Sequence[int]) -> bool:
    """Give each entry the line it came from; False where they do not go together one by one."""
    assert reading.entries is not None  # set by the caller
    if len(places) != len(reading.entries):
        return False
    for place, entry in zip(places, reading.entries, strict=True):
        if isinstance(entry, Series):
            prefix = _prefix(reading.lines[place], entry.series.encode())
            if prefix is None:
                return False
            reading.parsed.append(Parsed(place, prefix, entry))
    return True


def _prefix(line: bytes, series: bytes) -> bytes | None:
    """What stands before the value: ``NEVER`` without white space in between, None where the series is not there."""
    start = len(line) - len(line.lstrip(_SPACE))
    end = start + len(series)
    if line[start:end] != series:
        return None
    value = len(line) - len(line[end:].lstrip(_SPACE))
    return line[:value] if value > end else NEVER
