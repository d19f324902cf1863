"""The URL of a target, escaped as Go escapes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus

__all__ = ["plain_path", "plain_url", "scrape_url"]


def scrape_url(labels: Mapping[str, str], params: Mapping[str, Sequence[str]]) -> str:
    """The URL that labels and configured parameters give.

    The host is ``__address__`` as it stands, no port is added; a target behind a Unix socket may do without, then it is
    ``localhost``. ``__param_x`` replaces the first value of parameter ``x``. Parameters are sorted by name.
    """
    return plain_url(labels) + _query(labels, params)


def plain_url(labels: Mapping[str, str]) -> str:
    """The URL without parameters."""
    host = labels.get("__address__") or "localhost"
    return f"{labels.get('__scheme__', '')}://{host}{plain_path(labels.get('__metrics_path__', ''))}"


@lru_cache(1024)
def plain_path(path: str) -> str:
    """The path as it stands in a URL; remembered, because a job's targets share a few."""
    quoted = quote(path, safe="/$&+,:;=@")
    return quoted if quoted.startswith("/") or not quoted else f"/{quoted}"


def _query(labels: Mapping[str, str], params: Mapping[str, Sequence[str]]) -> str:
    own = [name for name in labels if name.startswith("__param_")]
    values = {name: list(several) for name, several in params.items()}
    for name in own:
        values.setdefault(name[8:], [])[:1] = [labels[name]]
    pairs = [f"{quote_plus(name)}={quote_plus(value)}" for name in sorted(values) for value in values[name]]
    return "?" + "&".join(pairs) if pairs else ""
