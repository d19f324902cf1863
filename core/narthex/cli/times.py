"""Times and steps as people write them on a command line: RFC 3339 or seconds since the Unix epoch."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from narthex.config.types import Duration

__all__ = ["parse_step", "parse_time"]


def parse_time(text: str) -> float:
    """Seconds since the Unix epoch. Without a zone, UTC is meant. Raises ``ValueError`` saying what was expected."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _rfc3339(text)
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is not a time")
    return seconds


def parse_step(text: str) -> float:
    """Seconds, from a number or a duration such as ``1m30s``. Raises ``ValueError``, also for zero and less."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = Duration.parse(text).seconds
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{text!r} is not a step; it must be more than zero")
    return seconds


def _rfc3339(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither RFC 3339, such as 2026-01-31T12:00:00Z, nor Unix seconds") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
