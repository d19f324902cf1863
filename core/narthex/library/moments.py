"""Times and steps as programs give them, as the milliseconds that everything inside works with."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from narthex.config.types import Duration

__all__ = ["Moment", "Span", "milliseconds", "step_milliseconds"]

Moment = float | str | datetime
"""Seconds since the epoch, RFC 3339 text, or a datetime; without a zone UTC is meant."""

Span = float | str | timedelta
"""Seconds, a duration such as ``5m``, or a timedelta."""


def milliseconds(moment: Moment) -> int:
    """Milliseconds since the epoch. Raises ``ValueError`` for what is no time."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round((aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    if not math.isfinite(moment):
        raise ValueError(f"{moment} is not a time")
    return round(moment * 1000)


def step_milliseconds(span: Span) -> int:
    """Milliseconds, at least one. Raises ``ValueError``."""
    if isinstance(span, str):
        found = int(Duration.parse(span))
    else:
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        found = round(seconds * 1000) if math.isfinite(seconds) else 0
    if found <= 0:
        raise ValueError(f"{span!r} is not a step; it must be at least a millisecond")
    return found
