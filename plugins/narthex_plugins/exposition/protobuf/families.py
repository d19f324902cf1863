"""Metric families of the protobuf format as entries, in the order in which the text formats would have them."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from narthex.errors import ExpositionError
from narthex.kinds import ParseOptions
from narthex.model.histogram import MAX_SCHEMA, MIN_SCHEMA, NO_BUCKETS, Buckets, Hint, Histogram, reduce_to
from narthex.scrape.exposition import Entry, Exemplar, Help, HistogramSeries, Series, Type, Unit
from narthex_plugins.exposition.grammar import PLAIN, float_text
from narthex_plugins.exposition.protobuf import messages as pb
from narthex_plugins.exposition.protobuf.messages import Family, HistogramMessage, Metric, read_family, read_metric
from narthex_plugins.exposition.protobuf.wire import delimited
from narthex_plugins.exposition.samples import label_text

__all__ = ["parse_protobuf"]

_TYPES = {
    pb.COUNTER: "counter",
    pb.GAUGE: "gauge",
    pb.SUMMARY: "summary",
    pb.UNTYPED: "unknown",
    pb.HISTOGRAM: "histogram",
    pb.GAUGE_HISTOGRAM: "gaugehistogram",
}
_FINEST_SENT = 52
"""The finest schema that a target may send. What is finer than we store is brought down to that."""


def parse_protobuf(body: bytes, options: ParseOptions = PLAIN) -> Sequence[Entry]:
    """Every entry of a body. Raises ``ExpositionError``; ``line`` counts families."""
    entries: list[Entry] = []
    count = 0
    try:
        for count, message in enumerate(delimited(body), 1):  # noqa: B007 - the error names it
            entries += _family(read_family(message), options)
    except ExpositionError as error:
        raise ExpositionError(error.message, count) from None
    except (AttributeError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise ExpositionError(f"a field has another type than the format says: {error}", count) from None
    return entries


def _family(family: Family, options: ParseOptions) -> Iterator[Entry]:
    if not family.metrics:
        return
    kind = _TYPES.get(family.kind)
    if kind is None:
        raise ExpositionError(f'unknown metric type {family.kind} of "{family.name[:100]}"')
    if not family.name:
        raise ExpositionError("a metric family without a name")
    yield Help(family.name, family.help)
    if family.unit:
        yield Unit(family.name, family.unit)
    yield Type(family.name, kind)
    extra: dict[str, str] = {}
    if options.enable_type_and_unit_labels:
        if kind != "unknown":
            extra["__type__"] = kind
        if family.unit:
            extra["__unit__"] = family.unit
    for data in family.metrics:
        metric = read_metric(data)
        metric.labels.update(extra)
        yield from _metric(family, metric, options)


def _metric(family: Family, metric: Metric, options: ParseOptions) -> Iterable[Entry]:
    name = family.name
    if family.kind in {pb.COUNTER, pb.GAUGE, pb.UNTYPED}:
        exemplars = () if metric.exemplar is None else (metric.exemplar,)
        return (_series(name, metric, metric.value, exemplars=exemplars),)
    if family.kind == pb.SUMMARY:
        return _summary(name, metric)
    native = metric.histogram.native and not options.ignore_native_histograms
    found: list[Entry] = [_native(name, metric, gauge=family.kind == pb.GAUGE_HISTOGRAM)] if native else []
    if not native or (options.keep_classic_on_classic_and_native_histograms and metric.histogram.buckets):
        found += _classic(name, metric)
    return found


def _series(
    name: str, metric: Metric, value: float, *own: tuple[str, str], exemplars: tuple[Exemplar, ...] = ()
) -> Series:
    labels = {"__name__": name, **metric.labels, **dict(own)}
    return Series(name + label_text(labels), labels, value, metric.timestamp, metric.start, exemplars)


def _summary(name: str, metric: Metric) -> Iterator[Entry]:
    yield _series(f"{name}_count", metric, metric.count)
    yield _series(f"{name}_sum", metric, metric.sum)
    for quantile, value in metric.quantiles:
        yield _series(name, metric, value, ("quantile", _bound(quantile)))


def _classic(name: str, metric: Metric) -> Iterator[Entry]:
    histogram = metric.histogram
    yield _series(f"{name}_count", metric, histogram.count)
    yield _series(f"{name}_sum", metric, histogram.sum)
    for bucket in histogram.buckets:
        exemplars = () if bucket.exemplar is None else (bucket.exemplar,)
        own = ("le", _bound(bucket.upper_bound))
        yield _series(f"{name}_bucket", metric, bucket.count, own, exemplars=exemplars)
    if not any(bucket.upper_bound == math.inf for bucket in histogram.buckets):
        yield _series(f"{name}_bucket", metric, histogram.count, ("le", "+Inf"))


def _bound(value: float) -> str:
    return float_text(repr(value).replace("inf", "Inf"))


def _native(name: str, metric: Metric, *, gauge: bool) -> HistogramSeries:
    message = metric.histogram
    histogram = _histogram(message, Hint.GAUGE if gauge else Hint.UNKNOWN)
    exemplars = message.exemplars or [one.exemplar for one in message.buckets if one.exemplar is not None]
    # Without a time nobody could tell a new one from those that the last scrape brought.
    timed = tuple(one for one in exemplars if one.timestamp is not None)
    labels = {"__name__": name, **metric.labels}
    return HistogramSeries(name + label_text(labels), labels, histogram, metric.timestamp, metric.start, timed)


def _histogram(message: HistogramMessage, hint: Hint) -> Histogram:
    if not MIN_SCHEMA <= message.schema <= _FINEST_SENT:
        raise ExpositionError(f"histogram schema {message.schema} is not known")
    positive = _buckets(message.positive_spans, message.positive_deltas, message.positive_counts, message)
    negative = _buckets(message.negative_spans, message.negative_deltas, message.negative_counts, message)
    found = Histogram(
        message.schema,
        message.zero_threshold,
        message.zero_count,
        message.count,
        message.sum,
        positive,
        negative,
        hint=hint,
    )
    return reduce_to(found, min(found.schema, MAX_SCHEMA))


def _buckets(
    spans: Sequence[tuple[int, int]], deltas: Sequence[int], counts: Sequence[float], message: HistogramMessage
) -> Buckets:
    values = np.array(counts, dtype=np.float64) if message.floats else np.cumsum(np.array(deltas, dtype=np.float64))
    indices: list[int] = []
    at = 0
    for offset, length in spans:
        if length > len(values):
            raise ExpositionError(f"a histogram's span of {length} buckets, of {len(values)} in all")
        at += offset
        indices += range(at, at + length)
        at += length
    if len(indices) != len(values):
        raise ExpositionError(f"a histogram has {len(values)} buckets, but spans for {len(indices)}")
    return Buckets(np.array(indices, dtype=np.int32), values) if indices else NO_BUCKETS
