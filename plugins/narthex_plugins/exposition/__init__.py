"""The two line formats that targets speak: Prometheus text and OpenMetrics text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from narthex import hookimpl
from narthex.kinds import ScrapeKind
from narthex.scrape.exposition import Entry
from narthex_plugins.exposition.grammar import PLAIN, ParseOptions
from narthex_plugins.exposition.openmetrics import parse_openmetrics
from narthex_plugins.exposition.text import parse_text, read_timestamp

__all__ = ["OPENMETRICS", "TEXT", "ParseOptions", "narthex_scrape_kinds", "parse_openmetrics", "parse_text"]


def _text(body: bytes, _content_type: str, options: ParseOptions) -> Sequence[Entry]:
    return parse_text(body, options)


def _openmetrics(body: bytes, _content_type: str, options: ParseOptions) -> Sequence[Entry]:
    return parse_openmetrics(body, options)


TEXT = ScrapeKind(
    name="prometheus_text",
    protocols=(
        ("PrometheusText1.0.0", "text/plain;version=1.0.0"),
        ("PrometheusText0.0.4", "text/plain;version=0.0.4"),
    ),
    media_types=("text/plain",),
    parse=partial(_text, options=PLAIN),
    line_oriented=True,
    timestamp=read_timestamp,
    stability="stable",
    summary="Prometheus text format 0.0.4 and 1.0.0",
)

OPENMETRICS = ScrapeKind(
    name="openmetrics",
    protocols=(
        ("OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0"),
        ("OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1"),
    ),
    media_types=("application/openmetrics-text",),
    parse=partial(_openmetrics, options=PLAIN),
    line_oriented=True,
    stability="stable",
    summary="OpenMetrics text format 0.0.1 and 1.0.0",
)


@hookimpl
def narthex_scrape_kinds() -> tuple[ScrapeKind, ...]:
    """Contribute both formats."""
    return (OPENMETRICS, TEXT)
