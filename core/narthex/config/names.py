"""Which label and metric names are valid, and how foreign names are made into valid ones.

Since Prometheus 3 any UTF-8 text that is not empty is a name; the legacy scheme keeps the older alphabet.
"""

from __future__ import annotations

import re

__all__ = ["is_label_name", "is_metric_name", "sanitize_label_name", "valid_label_name"]

_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_]")


def _is_text(name: str) -> bool:
    return bool(name) and not any("\ud800" <= char <= "\udfff" for char in name)


def is_label_name(name: str, *, legacy: bool = False) -> bool:
    """Whether ``name`` may name a label under the scheme."""
    return bool(_LEGACY_LABEL.fullmatch(name)) if legacy else _is_text(name)


def is_metric_name(name: str, *, legacy: bool = False) -> bool:
    """Whether ``name`` may name a metric under the scheme; the legacy one allows colons."""
    return bool(_LEGACY_METRIC.fullmatch(name)) if legacy else _is_text(name)


def sanitize_label_name(name: str) -> str:
    """``name`` with every character outside ``[a-zA-Z0-9_]`` replaced by ``_``, as discovery does for meta labels."""
    return _FOREIGN.sub("_", name)


def valid_label_name(name: str) -> str:
    """``name`` made into a whole legacy label name: as above, and ``_`` for a leading digit or for nothing at all."""
    cleaned = _FOREIGN.sub("_", name) or "_"
    return f"_{cleaned[1:]}" if cleaned[0].isdigit() else cleaned
