"""A page of native histograms in protobuf, as client libraries expose them; just enough of the format for a test."""

from __future__ import annotations

from collections.abc import Sequence

from tests.plugins.exposition.protobuf_encoder import body, double, message, signed, text, varint

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def histogram(
    name: str, schema: int, zeros: int, total: float, spans: Sequence[tuple[int, int]], deltas: Sequence[int]
) -> bytes:
    """A family of one series with positive buckets; ``deltas`` are differences of neighbours."""
    counts, running = 0, 0
    for delta in deltas:
        running += delta
        counts += running
    parts = [varint(1, counts + zeros), double(2, total), signed(5, schema), double(6, 2.0**-128), varint(7, zeros)]
    parts += [message(12, signed(1, offset), varint(2, length)) for offset, length in spans]
    parts += [signed(13, delta) for delta in deltas]
    return body(text(1, name) + text(2, "Made up.") + varint(3, 4) + message(4, message(7, *parts)))


def gauge(name: str, value: float) -> bytes:
    """A family of one gauge."""
    return body(text(1, name) + text(2, "Made up.") + varint(3, 1) + message(4, message(2, double(1, value))))
