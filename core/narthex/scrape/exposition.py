"""What a scraped body says, entry by entry: the common tongue of all scrape kinds.

A parser (:class:`narthex.kinds.ScrapeKind`) turns bytes into these values, in the order of the body. The series cache
calls it for what it has not seen before only, so entries are made for readers, not for speed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from narthex.errors import ExpositionError

if TYPE_CHECKING:  # it brings numpy, which a list of plugins has no use for
    from narthex.model.histogram import Histogram

__all__ = [
    "Comment",
    "EndOfBody",
    "Entry",
    "Exemplar",
    "Help",
    "HistogramSeries",
    "Series",
    "StartTimestamps",
    "Type",
    "Unit",
    "number",
]

_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITY = re.compile(rb"([+-]?)inf(?:inity)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exemplar:
    """An example behind a sample. ``timestamp`` is ms since the epoch; None where the target gave none."""

    labels: Mapping[str, str]
    value: float
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One sample.

    ``series`` is the series as it stood in the body (name and labels, unchanged), ``labels`` what it means, including
    ``__name__``. ``timestamp`` and ``start_timestamp`` are ms since the epoch, None where the target gave none.
    """

    series: str
    labels: Mapping[str, str]
    value: float
    timestamp: int | None = None
    start_timestamp: int | None = None
    exemplars: tuple[Exemplar, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class HistogramSeries:
    """One sample that is a native histogram; the rest is as in :class:`Series`."""

    series: str
    labels: Mapping[str, str]
    histogram: Histogram
    timestamp: int | None = None
    start_timestamp: int | None = None
    exemplars: tuple[Exemplar, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Help:
    """The help text of a metric family."""

    metric: str
    help: str


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a metric family, in OpenMetrics's words (the text format's ``untyped`` is ``unknown``)."""

    metric: str
    type: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a metric family; may be empty."""

    metric: str
    unit: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that says nothing to a machine, whole."""

    text: str


@dataclass(frozen=True, slots=True)
class EndOfBody:
    """The explicit end mark of a format that has one."""


class StartTimestamps(Enum):
    """What becomes of the start timestamps that a target gives."""

    IGNORED = "ignored"
    ZEROS = "zeros"
    """A sample of 0 is stored at the start (``created-timestamp-zero-ingestion``)."""
    STORED = "stored"
    """They are stored with their samples (``st-storage``)."""


Entry = Series | HistogramSeries | Help | Type | Unit | Comment | EndOfBody


def number(text: bytes) -> float:
    """A sample value as Go's ``strconv.ParseFloat`` reads it, less hexadecimal floats and underscores.

    Raises ``ExpositionError``. Python's ``float`` is laxer: it takes underscores, signed NaN, surrounding white space,
    and turns what is too large into infinity.
    """
    if _DECIMAL.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ExpositionError(f"value out of range: {_show(text)}")
        return value
    if text.lower() == b"nan":
        return math.nan
    infinity = _INFINITY.fullmatch(text)
    if infinity:
        return -math.inf if infinity[1] == b"-" else math.inf
    raise ExpositionError(f"not a number: {_show(text)}")


def _show(text: bytes) -> str:
    return repr(text[:100].decode(errors="replace"))
