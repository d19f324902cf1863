"""Names that may stand bare, outside quotes, in PromQL."""

from __future__ import annotations

import re

__all__ = ["is_legacy_label", "is_legacy_metric"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def is_legacy_label(name: str) -> bool:
    """Whether the label name needs no quotes."""
    return _LABEL.fullmatch(name) is not None


def is_legacy_metric(name: str) -> bool:
    """Whether the metric name needs no quotes."""
    return _METRIC.fullmatch(name) is not None
