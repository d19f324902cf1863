"""Alerts as Alertmanager's API v2 takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from narthex.model.alert import Alert

__all__ = ["alerts_json", "rfc3339"]


def rfc3339(seconds: float) -> str:
    """A moment (Unix seconds) as RFC 3339 in UTC with milliseconds."""
    text = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def alerts_json(alerts: Sequence[Alert]) -> bytes:
    """The body of ``POST /api/v2/alerts``."""
    return orjson.dumps([_fields(alert) for alert in alerts])


def _fields(alert: Alert) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": rfc3339(alert.ends_at),
        "generatorURL": alert.generator_url,
    }
