"""The formats that targets speak: Prometheus text, OpenMetrics text, and Prometheus protobuf.

What makes native histograms is imported at its first use: it brings numpy, which a list of plugins has no use for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from narthex import hookimpl
from narthex.kinds import ParseOptions, ScrapeKind
from narthex.scrape.exposition import Entry
from narthex_plugins.exposition.grammar import PLAIN
from narthex_plugins.exposition.openmetrics import parse_openmetrics
from narthex_plugins.exposition.text import parse_text, read_timestamp

__all__ = [
    "OPENMETRICS",
    "PROTOBUF",
    "TEXT",
    "ParseOptions",
    "narthex_scrape_kinds",
    "parse_openmetrics",
    "parse_protobuf",
    "parse_text",
]

_Parser = Callable[[bytes, ParseOptions], Sequence[Entry]]


def parse_protobuf(body: bytes, options: ParseOptions = PLAIN) -> Sequence[Entry]:
    """Read a whole body of the protobuf format; see :mod:`narthex_plugins.exposition.protobuf`."""
    from narthex_plugins.exposition.protobuf import parse_protobuf as parse

    return parse(body, options)


def _parse(body: bytes, _content_type: str, parser: _Parser, options: ParseOptions) -> Sequence[Entry]:
    entries = parser(body, options)
    if not options.convert_classic_histograms_to_nhcb:
        return entries
    from narthex_plugins.exposition.nhcb import with_custom_buckets

    return with_custom_buckets(
        entries,
        keep_classic=options.keep_classic_on_classic_and_native_histograms,
        timed_exemplars=parser is parse_protobuf,
    )


def _configured(kind: ScrapeKind, parser: _Parser, options: ParseOptions) -> ScrapeKind:
    """A line format as a job wants it. Where entries are made of several lines, it is read as a whole."""
    whole = options.skip_start_timestamp_series and kind is OPENMETRICS
    return replace(
        kind,
        parse=partial(_parse, parser=parser, options=options),
        line_oriented=kind.line_oriented and not (whole or options.convert_classic_histograms_to_nhcb),
    )


TEXT: ScrapeKind = ScrapeKind(
    name="prometheus_text",
    protocols=(
        ("PrometheusText1.0.0", "text/plain;version=1.0.0"),
        ("PrometheusText0.0.4", "text/plain;version=0.0.4"),
    ),
    media_types=("text/plain",),
    parse=partial(_parse, parser=parse_text, options=PLAIN),
    line_oriented=True,
    timestamp=read_timestamp,
    configured=lambda options: _configured(TEXT, parse_text, options),
    stability="stable",
    summary="Prometheus text format 0.0.4 and 1.0.0",
)

OPENMETRICS: ScrapeKind = ScrapeKind(
    name="openmetrics",
    protocols=(
        ("OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0"),
        ("OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1"),
    ),
    media_types=("application/openmetrics-text",),
    parse=partial(_parse, parser=parse_openmetrics, options=PLAIN),
    line_oriented=True,
    configured=lambda options: _configured(OPENMETRICS, parse_openmetrics, options),
    stability="stable",
    summary="OpenMetrics text format 0.0.1 and 1.0.0",
)

PROTOBUF: ScrapeKind = ScrapeKind(
    name="protobuf",
    protocols=(
        (
            "PrometheusProto",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        ),
    ),
    media_types=("application/vnd.google.protobuf",),
    parse=partial(_parse, parser=parse_protobuf, options=PLAIN),
    configured=lambda options: _configured(PROTOBUF, parse_protobuf, options),
    stability="stable",
    summary="Prometheus protobuf format, delimited; carries native histograms",
)


@hookimpl
def narthex_scrape_kinds() -> tuple[ScrapeKind, ...]:
    """Contribute all formats."""
    return (OPENMETRICS, TEXT, PROTOBUF)
