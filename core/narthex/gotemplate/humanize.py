"""Prometheus's functions that print numbers for people. All take any number, or text that is one."""

from __future__ import annotations

import math
from typing import Any

from narthex.gotemplate.calls import CallError
from narthex.gotemplate.floats import format_float
from narthex.gotemplate.format import default_text
from narthex.gotemplate.gotime import GoDuration, GoTime
from narthex.gotemplate.values import type_name
from narthex.model.number import parse_float, shortest

__all__ = [
    "humanize",
    "humanize_1024",
    "humanize_duration",
    "humanize_percentage",
    "humanize_timestamp",
    "to_duration",
    "to_float",
    "to_time",
]

_LARGE = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_INT64 = 1 << 63


def to_float(value: Any) -> float:
    """The number that a function works with. Raises ``CallError`` in the words of Go's ``ParseFloat``."""
    if isinstance(value, str):
        try:
            return parse_float(value)
        except ValueError as error:
            raise CallError(str(error)) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, GoDuration):
        return value.as_seconds()
    raise CallError(f"can't convert {type_name(value)} to float")


def _four(value: float) -> str:
    return format_float(value, "g", 4)


def _scaled(value: float, prefixes: tuple[str, ...], base: float) -> str:
    """The value with the largest prefix that leaves at least one before the point."""
    step = 0
    while abs(value) >= base and step < len(prefixes) - 1:
        value /= base
        step += 1
    return _four(value) + prefixes[step]


def _enlarged(value: float) -> str:
    """A value below one with the first prefix that brings it to one or more."""
    step = 0
    while abs(value) < 1 and step < len(_SMALL) - 1:
        value *= 1000
        step += 1
    return _four(value) + _SMALL[step]


def humanize(number: Any) -> str:
    """Four significant digits and a metric prefix: ``1.235M``, ``120m``."""
    value = to_float(number)
    if value == 0 or not math.isfinite(value):
        return _four(value)
    return _scaled(value, _LARGE, 1000.0) if abs(value) >= 1 else _enlarged(value)


def humanize_1024(number: Any) -> str:
    """Four significant digits and a binary prefix: ``1.5Mi``."""
    value = to_float(number)
    return _four(value) if abs(value) <= 1 or not math.isfinite(value) else _scaled(value, _BINARY, 1024.0)


def humanize_percentage(number: Any) -> str:
    """A ratio as a percentage with four significant digits."""
    return _four(to_float(number) * 100) + "%"


def humanize_duration(number: Any) -> str:
    """Seconds as days, hours, minutes and seconds; below a minute as a decimal with a metric prefix."""
    value = to_float(number)
    if not math.isfinite(value):
        return _four(value)
    if value == 0:
        return f"{_four(value)}s"
    if abs(value) < 1:
        return f"{_enlarged(value)}s"
    sign = "-" if value < 0 else ""
    whole = _wrapped(abs(value))
    days, hours, minutes, seconds = (_truncated(whole, unit, of) for unit, of in _UNITS)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{_four(value)}s"


_UNITS = ((86_400, 0), (3_600, 24), (60, 60), (1, 60))


def _wrapped(value: float) -> int:
    """Go's conversion to int64 on amd64, where everything that does not fit becomes the least number."""
    return int(value) if value < _INT64 else -_INT64


def _truncated(number: int, unit: int, of: int) -> int:
    """``number / unit % of`` with Go's integer division, which rounds towards zero; no ``of`` means no remainder."""
    sign = -1 if number < 0 else 1
    quotient = abs(number) // unit
    return sign * (quotient % of if of else quotient)


def to_time(number: Any) -> GoTime:
    """The moment so many seconds after the epoch, cut towards it to the millisecond."""
    nanoseconds = _nanoseconds(to_float(number), "timestamp")
    return GoTime(_truncated(nanoseconds, 1_000_000, 0) * 1_000_000)


def to_duration(number: Any) -> GoDuration:
    """A span of so many seconds."""
    return GoDuration(_nanoseconds(to_float(number), "duration"))


def _nanoseconds(value: float, what: str) -> int:
    if not math.isfinite(value):
        raise CallError("value is NaN or Inf")
    scaled = value * 1e9
    if not -_INT64 <= scaled < _INT64:
        article = "a nanoseconds " + what
        raise CallError(f"{shortest(value)} cannot be represented as {article} since it overflows int64")
    return int(scaled)


def humanize_timestamp(number: Any) -> str:
    """Seconds since the epoch as a UTC time: ``2015-06-23 13:19:44.128 +0000 UTC``."""
    value = to_float(number)
    return default_text(to_time(value)) if math.isfinite(value) else _four(value)
