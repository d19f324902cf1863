"""Times in answers: RFC 3339 in UTC, and Go's zero time for what has not happened."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["rfc3339"]

_NEVER = "0001-01-01T00:00:00Z"


def rfc3339(seconds: float) -> str:
    """The text of a time in seconds since the Unix epoch; 0 means never."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else _NEVER
