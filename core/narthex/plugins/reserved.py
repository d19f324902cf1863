"""Paths that the core serves itself, and commands it has, which no plugin may take.

Prometheus's API is reserved as a whole, also where an endpoint is not served yet: a plugin that took one would break
on the day it is.
"""

from __future__ import annotations

__all__ = ["COMMANDS", "reserved_by"]

COMMANDS = frozenset(
    {"check", "dist", "new", "notify", "plan", "plugins", "promql", "query", "relabel", "run", "test", "why"}
)
"""The core's commands, those to come included; a test compares them with the command line's own table."""

_EXACT = frozenset({"/metrics", "/federate", "/-", "/api", "/api/v1"})
_API = frozenset(
    {
        "admin", "alertmanagers", "alerts", "discovery", "features", "format_query", "label", "labels", "metadata",
        "notifications", "otlp", "parse_query", "query", "query_exemplars", "query_range", "read", "rules",
        "scrape_pools", "search", "series", "status", "targets", "write",
    }
)  # fmt: skip


def reserved_by(path: str) -> str:
    """The part of ``path`` that belongs to the core, or an empty text where the path is free.

    A path whose deciding part is a variable, such as ``/api/v1/{name}``, would shadow the core's and is taken too.
    """
    parts = path.rstrip("/").split("/")[1:]
    plain = "/" + "/".join(parts)
    if plain in _EXACT:
        return plain
    if parts and parts[0] == "-":
        return "/-/"
    if parts and parts[0].startswith("{"):
        return "/"
    if parts[:1] == ["api"] and (len(parts) < 2 or parts[1].startswith("{")):
        return "/api/"
    if parts[:2] == ["api", "v1"] and len(parts) > 2 and (parts[2] in _API or parts[2].startswith("{")):
        return f"/api/v1/{parts[2]}"
    return ""
