"""A page of native histograms in protobuf, as client libraries expose them; just enough of the format for a test."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.plugins.prometheus_blocks.encode import uvarint, varint

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def number(field: int, value: int) -> bytes:
    return uvarint(field << 3) + uvarint(value)


def folded(field: int, value: int) -> bytes:
    return uvarint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    return uvarint(field << 3 | 1) + struct.pack("<d", value)


def embedded(field: int, data: bytes) -> bytes:
    return uvarint(field << 3 | 2) + uvarint(len(data)) + data


def histogram(
    name: str, schema: int, zeros: int, total: float, spans: Sequence[tuple[int, int]], deltas: Sequence[int]
) -> bytes:
    """A family of one series with positive buckets; ``deltas`` are differences of neighbours."""
    counts, running = 0, 0
    for delta in deltas:
        running += delta
        counts += running
    body = number(1, counts + zeros) + double(2, total) + folded(5, schema) + double(6, 2.0**-128) + number(7, zeros)
    body += b"".join(embedded(12, folded(1, offset) + number(2, length)) for offset, length in spans)
    body += b"".join(folded(13, delta) for delta in deltas)
    family = embedded(1, name.encode()) + embedded(2, b"Made up.") + number(3, 4) + embedded(4, embedded(7, body))
    return uvarint(len(family)) + family


def gauge(name: str, value: float) -> bytes:
    """A family of one gauge."""
    metric = embedded(2, double(1, value))
    family = embedded(1, name.encode()) + embedded(2, b"Made up.") + number(3, 1) + embedded(4, metric)
    return uvarint(len(family)) + family
