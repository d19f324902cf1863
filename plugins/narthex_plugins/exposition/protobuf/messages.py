"""The messages of ``io.prometheus.client`` as plain values (field numbers: client_model's ``metrics.proto``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from narthex.errors import ExpositionError
from narthex.scrape.exposition import Exemplar
from narthex_plugins.exposition.protobuf.wire import fields, packed_doubles, signed_varints, zigzag

__all__ = [
    "COUNTER",
    "GAUGE",
    "GAUGE_HISTOGRAM",
    "HISTOGRAM",
    "SUMMARY",
    "UNTYPED",
    "Bucket",
    "Family",
    "HistogramMessage",
    "Metric",
    "read_family",
    "read_metric",
]

COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)

_SIGN = 1 << 63


@dataclass(slots=True)
class Bucket:
    """A classic bucket: observations up to the bound, inclusive."""

    count: float = 0.0
    upper_bound: float = 0.0
    exemplar: Exemplar | None = None


@dataclass(slots=True)
class HistogramMessage:
    """A histogram, classic, native or both. Spans are (offset, length); counts are absolute where given as floats."""

    count: float = 0.0
    sum: float = 0.0
    buckets: list[Bucket] = field(default_factory=list)
    schema: int = 0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive_spans: list[tuple[int, int]] = field(default_factory=list)
    negative_spans: list[tuple[int, int]] = field(default_factory=list)
    positive_deltas: list[int] = field(default_factory=list)
    negative_deltas: list[int] = field(default_factory=list)
    positive_counts: list[float] = field(default_factory=list)
    negative_counts: list[float] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    floats: bool = False
    """Whether the counts were given as floats."""

    @property
    def native(self) -> bool:
        """Whether there are native buckets; a span of length 0 says "native, but empty"."""
        spans = self.positive_spans or self.negative_spans
        return bool(spans or self.zero_threshold > 0 or self.zero_count > 0)


@dataclass(slots=True)
class Metric:
    """One metric of a family. ``value`` is a counter's, gauge's or untyped's; quantiles are a summary's."""

    labels: dict[str, str] = field(default_factory=dict)
    value: float = 0.0
    exemplar: Exemplar | None = None
    timestamp: int | None = None
    start: int | None = None
    count: float = 0.0
    sum: float = 0.0
    quantiles: list[tuple[float, float]] = field(default_factory=list)
    histogram: HistogramMessage = field(default_factory=HistogramMessage)


@dataclass(slots=True)
class Family:
    """A family. Its metrics are messages still: see :func:`read_metric`."""

    name: str = ""
    help: str = ""
    kind: int = COUNTER
    unit: str = ""
    metrics: list[bytes] = field(default_factory=list)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ExpositionError(f"invalid UTF-8 text: {value[:100]!r}") from None


def _signed(value: int) -> int:
    return value - (value & _SIGN) * 2


def read_family(data: bytes) -> Family:
    """A ``MetricFamily``. Raises ``ExpositionError``."""
    family = Family()
    for number, _, value in fields(data):
        if number == 1:
            family.name = _text(value)
        elif number == 2:
            family.help = _text(value)
        elif number == 3:
            family.kind = _signed(value)
        elif number == 4:
            family.metrics.append(value)
        elif number == 5:
            family.unit = _text(value)
    return family


def read_metric(data: bytes) -> Metric:
    """A ``Metric``. Raises ``ExpositionError``."""
    metric = Metric()
    for number, _, value in fields(data):
        if number == 1:
            name, text = _label(value)
            metric.labels[name] = text
        elif number in {2, 5}:  # Gauge, Untyped
            metric.value = next((one for at, _, one in fields(value) if at == 1), 0.0)
        elif number == 3:
            _read_counter(value, metric)
        elif number == 4:
            _read_summary(value, metric)
        elif number == 6:
            metric.timestamp = _signed(value) or None
        elif number == 7:
            _read_histogram(value, metric)
    return metric


@lru_cache(maxsize=1 << 14)  # a target sends the same labels again and again
def _label(data: bytes) -> tuple[str, str]:
    name = text = ""
    for number, _, value in fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            text = _text(value)
    return name, text


def _milliseconds(data: Any) -> int:
    seconds = nanos = 0
    for number, _, value in fields(data):
        if number == 1:
            seconds = _signed(value)
        elif number == 2:
            nanos = _signed(value)
    return seconds * 1000 + nanos // 1_000_000


def _read_counter(data: Any, metric: Metric) -> None:
    for number, _, value in fields(data):
        if number == 1:
            metric.value = value
        elif number == 2:
            metric.exemplar = _exemplar(value)
        elif number == 3:
            metric.start = _milliseconds(value)


def _read_summary(data: Any, metric: Metric) -> None:
    for number, _, value in fields(data):
        if number == 1:
            metric.count = float(value)
        elif number == 2:
            metric.sum = value
        elif number == 3:
            found: dict[int, float] = {at: one for at, _, one in fields(value)}
            metric.quantiles.append((found.get(1, 0.0), found.get(2, 0.0)))
        elif number == 4:
            metric.start = _milliseconds(value)


def _exemplar(data: Any) -> Exemplar:
    labels: dict[str, str] = {}
    number_value = 0.0
    when: int | None = None
    for number, _, value in fields(data):
        if number == 1:
            name, text = _label(value)
            labels[name] = text
        elif number == 2:
            number_value = value
        elif number == 3:
            when = _milliseconds(value)
    return Exemplar(labels, number_value, when)


def _read_histogram(data: Any, metric: Metric) -> None:
    found = metric.histogram
    for number, kind, value in fields(data):
        if number in {1, 4}:
            if number == 1 or value:
                found.count = float(value)
                found.floats = number == 4
        elif number == 2:
            found.sum = value
        elif number == 3:
            found.buckets.append(_bucket(value))
        elif number == 5:
            found.schema = zigzag(value)
        elif number == 6:
            found.zero_threshold = value
        elif number == 7 or (number == 8 and value):
            found.zero_count = float(value)
        elif number == 15:
            metric.start = _milliseconds(value)
        elif number == 16:
            found.exemplars.append(_exemplar(value))
        else:
            _read_side(number, kind, value, found)


def _read_side(number: int, kind: int, value: Any, found: HistogramMessage) -> None:
    """The fields of either side's buckets."""
    if number == 9:
        found.negative_spans.append(_span(value))
    elif number == 10:
        found.negative_deltas += signed_varints(kind, value)
    elif number == 11:
        found.negative_counts += packed_doubles(kind, value)
    elif number == 12:
        found.positive_spans.append(_span(value))
    elif number == 13:
        found.positive_deltas += signed_varints(kind, value)
    elif number == 14:
        found.positive_counts += packed_doubles(kind, value)


def _span(data: Any) -> tuple[int, int]:
    offset = length = 0
    for number, _, value in fields(data):
        if number == 1:
            offset = zigzag(value)
        elif number == 2:
            length = value
    return offset, length


def _bucket(data: Any) -> Bucket:
    bucket = Bucket()
    for number, _, value in fields(data):
        if number == 1 or (number == 4 and value):
            bucket.count = float(value)
        elif number == 2:
            bucket.upper_bound = value
        elif number == 3:
            bucket.exemplar = _exemplar(value)
    return bucket
