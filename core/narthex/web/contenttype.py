"""In which format an answer about metrics is written: the other side of content negotiation.

The rules are those of Prometheus's client libraries: of the formats that the client takes, in the order of its wishes,
the first that is known; plain text, if none is. ``escaping`` says how names beyond the legacy characters are written.

For routes that write metrics in more than one format. The server's own ``/metrics`` has one and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["negotiated"]

_PROTOBUF = "application/vnd.google.protobuf"
_FAMILY = "io.prometheus.client.MetricFamily"
_OPENMETRICS = "application/openmetrics-text"
_ENCODINGS = frozenset({"delimited", "text", "compact-text"})
_ESCAPINGS = frozenset({"allow-utf-8", "underscores", "dots", "values"})
_TEXT_VERSIONS = frozenset({"0.0.4", "1.0.0"})
_OPENMETRICS_VERSIONS = frozenset({"0.0.1", "1.0.0"})


def negotiated(accept: str, escaping: str, *, openmetrics: bool) -> str:
    """The ``Content-Type`` of the answer to an ``Accept`` header.

    ``escaping`` is what clients get that ask for none; ``openmetrics`` says whether that format may be chosen.
    """
    for media, parameters in _wishes(accept):
        if parameters.get("escaping", "") in _ESCAPINGS:
            escaping = parameters["escaping"]  # also of a format that is not known: it says what the client can read
        suffix = f"; escaping={escaping}"
        version = parameters.get("version", "")
        if media == _PROTOBUF and parameters.get("proto") == _FAMILY and parameters.get("encoding") in _ENCODINGS:
            return f"{_PROTOBUF}; proto={_FAMILY}; encoding={parameters['encoding']}{suffix}"
        if media == "text/plain" and (not version or version in _TEXT_VERSIONS):
            return f"text/plain; version={version or '0.0.4'}; charset=utf-8{suffix}"
        if openmetrics and media == _OPENMETRICS and (not version or version in _OPENMETRICS_VERSIONS):
            return f"{_OPENMETRICS}; version={version or '0.0.1'}; charset=utf-8{suffix}"
    return f"text/plain; version=0.0.4; charset=utf-8; escaping={escaping}"


def _wishes(accept: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Media types with their parameters, the most wished for first."""
    found: list[tuple[float, str, Mapping[str, str]]] = []
    for part in accept.split(","):
        media, *listed = (one.strip() for one in part.split(";"))
        pairs = (one.partition("=") for one in listed if "=" in one)
        parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
        if media:
            found.append((_weight(parameters.get("q", "1")), media.lower(), parameters))
    yield from (one[1:] for one in sorted(found, key=lambda one: -one[0]))


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
