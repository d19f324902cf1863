"""Request parameters: times, durations, limits and series selectors, with the errors Prometheus gives for bad ones."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web
from multidict import MultiDict, MultiMapping

from narthex.config.types import Duration
from narthex.errors import NarthexError, ParseError
from narthex.model.matcher import Matcher
from narthex.model.number import parse_float
from narthex.model.switch import FALSE, TRUE
from narthex.promql.ast import VectorSelector
from narthex.promql.parser import parse

__all__ = [
    "MAX_TIME",
    "MIN_TIME",
    "TRUNCATED",
    "BadParameterError",
    "boolean",
    "form",
    "limit",
    "matcher_sets",
    "number",
    "parse_duration",
    "parse_time",
    "time_or",
    "window",
]

MAX_TIME = 1 << 60
"""Later than any sample, in ms; stands for an absent ``end``."""
MIN_TIME = -(1 << 60)
"""Earlier than any sample, in ms; stands for an absent ``start``."""
TRUNCATED = "results truncated due to limit"
"""The warning of an answer that ``limit`` cut."""

_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_BOUNDS = {
    "-292273086-05-16T16:47:06Z": -9_223_309_901_257_974e3,
    "292277025-08-18T07:12:54.999999999Z": 9_223_309_901_257_974_999.0,
}
"""The first and last moment of Prometheus's API, in ms: its own clients send these texts for all of time."""
_NO_MATCHER = "must contain at least one non-empty matcher"
_MAX_DURATION_SECONDS = (1 << 63) / 1e9  # Go's time.Duration counts nanoseconds in 64 bits


class BadParameterError(NarthexError):
    """A request parameter is wrong (API error type ``bad_data``).

    ``name`` is empty where Prometheus's message does not tell it.
    """

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(f'invalid parameter "{name}": {reason}' if name else str(reason))


async def form(request: web.Request) -> MultiMapping[str]:
    """Form fields of a POST before those of the URL, as Go's ``FormValue`` looks them up."""
    fields: MultiDict[str] = MultiDict()
    if request.method == "POST":
        posted = await request.post()
        for name, value in posted.items():
            if not isinstance(value, str):
                raise BadParameterError(name, "a file is not a value")
            fields.add(name, value)
    fields.extend(request.query)
    return fields


def parse_time(text: str) -> int:
    """Milliseconds since the epoch, from Unix seconds or RFC 3339. Raises ``ValueError``."""
    if text in _BOUNDS:
        return int(_BOUNDS[text])
    seconds = _float(text)
    if seconds is None and _RFC3339.fullmatch(text):
        with contextlib.suppress(ValueError):  # such as month 13
            seconds = datetime.fromisoformat(text).timestamp()
    if seconds is None or not abs(seconds) <= MAX_TIME / 1000:  # NaN is not, either
        raise ValueError(f'cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def parse_duration(text: str) -> int:
    """Milliseconds, from float seconds or a Prometheus duration. Raises ``ValueError``."""
    seconds = _float(text)
    if seconds is not None:
        if math.isnan(seconds) or abs(seconds) > _MAX_DURATION_SECONDS:
            raise ValueError(f'cannot parse "{text}" to a valid duration. It overflows int64')
        return int(seconds * 1000)
    try:
        return int(Duration.parse(text))
    except ValueError:
        raise ValueError(f'cannot parse "{text}" to a valid duration') from None


def _float(text: str) -> float | None:
    """A number as Go reads it, or None; Python alone would also take blanks and other scripts' digits."""
    try:
        return parse_float(text)
    except ValueError:
        return None


def time_or(fields: Mapping[str, str], name: str, default: int | None) -> int:
    """A time parameter in ms; ``default`` where it is absent, None making it required."""
    text = fields.get(name, "")
    if not text and default is not None:
        return default
    try:
        return max(MIN_TIME, min(MAX_TIME, parse_time(text)))
    except ValueError as error:
        reason = error if default is None else f"Invalid time value for '{name}': {error}"
        raise BadParameterError(name, reason) from None


def window(fields: Mapping[str, str]) -> tuple[int, int]:
    """``start`` and ``end`` in ms, open where absent. An end before the start is no mistake: nothing is found there."""
    return time_or(fields, "start", MIN_TIME), time_or(fields, "end", MAX_TIME)


def limit(fields: Mapping[str, str], name: str = "limit") -> int:
    """A count of results; 0 means all."""
    text = fields.get(name, "")
    if not text:
        return 0
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise BadParameterError(name, f'"{text}" is not an integer')
    value = int(text)
    if value < 0:
        raise BadParameterError(name, f"{name} must be non-negative")
    return value


def boolean(fields: Mapping[str, str], name: str) -> bool:
    """A switch as Go spells it; false where it is absent."""
    text = fields.get(name, "")
    if text in TRUE:
        return True
    if not text or text in FALSE:
        return False
    raise BadParameterError(name, f'"{text}" is not true or false')


def number(fields: Mapping[str, str], name: str) -> int:
    """A count of results as the metadata endpoints take it: 0, or less, means all."""
    text = fields.get(name, "")
    if text and not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise BadParameterError("", f"{name} must be a number")
    return max(0, int(text or 0))


def matcher_sets(fields: MultiMapping[str], name: str = "match[]", *, named: bool = True) -> list[Sequence[Matcher]]:
    """The parsed selectors of ``match[]``; each must have a matcher that refuses the empty text.

    ``named``: the message tells the parameter.
    """
    shown = name if named else ""
    sets: list[Sequence[Matcher]] = []
    for text in fields.getall(name, []):
        try:
            expression = parse(text)
        except ParseError as error:
            reason = f"{name} {_NO_MATCHER}" if str(error).endswith(_NO_MATCHER) else error
            raise BadParameterError(shown, reason) from None
        # The parser has seen to it that one matcher refuses the empty text.
        if not isinstance(expression, VectorSelector) or _modified(expression):
            raise BadParameterError(shown, f"not a series selector: {text}")
        sets.append(expression.matchers)
    return sets


def _modified(selector: VectorSelector) -> bool:
    moved = selector.offset or selector.offset_expr or selector.at
    return bool(moved or selector.anchored or selector.smoothed)
