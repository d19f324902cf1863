"""Which formats a scrape asks for, and which parser an answer gets.

Prometheus's rules (reference §4.2): protocols in order of wish with falling ``q``; of the answer, only the base media
type counts; what is blank, broken or unknown goes to the fallback protocol, and without one the scrape fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from narthex.errors import ExpositionError
from narthex.kinds import ScrapeKind

__all__ = ["DEFAULT_PROTOCOLS", "accept_header", "choose", "default_protocols", "media_type"]

DEFAULT_PROTOCOLS = ("OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4")

_ESCAPABLE = frozenset({"OpenMetricsText1.0.0", "PrometheusText1.0.0"})
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"\s*({_WORD})/({_WORD})\s*(?:;.*)?", re.DOTALL)


def default_protocols(*, protobuf_first: bool) -> tuple[str, ...]:
    """What a job asks for that does not say: protobuf first where native histograms or start timestamps are wanted."""
    return ("PrometheusProto", *DEFAULT_PROTOCOLS) if protobuf_first else DEFAULT_PROTOCOLS


def accept_header(kinds: Iterable[ScrapeKind], protocols: Sequence[str], escaping: str = "allow-utf-8") -> str:
    """The ``Accept`` header for ``protocols``, the first wished for most. Unknown protocols are left out."""
    known = {name: entry for kind in kinds for name, entry in kind.protocols}
    wanted = [name for name in protocols if name in known]
    first = max(6, len(wanted) + 1)  # Prometheus starts at 0.6, having five protocols; plugins may add some
    weights = [f"0.{first - place:0{len(str(first))}}" for place in range(len(wanted) + 1)]
    parts = [
        f"{known[name]}{f';escaping={escaping}' if name in _ESCAPABLE else ''};q={weight}"
        for name, weight in zip(wanted, weights, strict=False)
    ]
    return ",".join([*parts, f"*/*;q={weights[-1]}"])


def media_type(content_type: str) -> str | None:
    """The base media type in lower case; None where the header is blank or does not parse."""
    found = _MEDIA_TYPE.fullmatch(content_type)
    return f"{found[1]}/{found[2]}".lower() if found else None


def choose(kinds: Iterable[ScrapeKind], content_type: str, fallback: str | None = None) -> ScrapeKind:
    """The kind that reads an answer of this type. Raises ``ExpositionError`` where there is none and no fallback."""
    known = list(kinds)
    base = media_type(content_type)
    for kind in known:
        if base in kind.media_types:
            return kind
    for kind in known:
        if any(fallback == name for name, _ in kind.protocols):
            return kind
    what = "no Content-Type" if not content_type else f'unsupported Content-Type "{content_type[:100]}"'
    raise ExpositionError(f"{what} and no fallback_scrape_protocol for the target")
