"""Writes a write-ahead log: records, fragments, pages, plain or compressed."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pyarrow as pa
from tests.plugins.prometheus_blocks.encode import crc32c, uvarint, varint

PAGE = 32 << 10


def text(value: str) -> bytes:
    return uvarint(len(value.encode())) + value.encode()


def series_record(series: Mapping[int, Mapping[str, str]]) -> bytes:
    out = b"\x01"
    for reference, labels in series.items():
        pairs = b"".join(text(name) + text(value) for name, value in sorted(labels.items()))
        out += struct.pack(">Q", reference) + uvarint(len(labels)) + pairs
    return out


def samples_record(samples: Sequence[tuple[int, int, float]]) -> bytes:
    reference, time, _ = samples[0]
    out = b"\x02" + struct.pack(">Qq", reference, time)
    return out + b"".join(varint(r - reference) + varint(t - time) + struct.pack(">d", v) for r, t, v in samples)


def tombstones_record(stones: Sequence[tuple[int, int, int]]) -> bytes:
    return b"\x03" + b"".join(struct.pack(">Q", r) + varint(low) + varint(high) for r, low, high in stones)


def segment(records: Sequence[bytes], *, compressed: str = "") -> bytes:
    """``compressed`` names a codec, or is empty."""
    flag = {"": 0, "snappy": 8, "zstd": 16}[compressed]
    out = b""
    for plain in records:
        record = pa.compress(plain, codec=compressed, asbytes=True) if compressed else plain
        first = True
        while first or record:
            left = PAGE - len(out) % PAGE
            if left <= 7:
                out += bytes(left)
                continue
            part, record = record[: left - 7], record[left - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            out += struct.pack(">BHI", kind | flag, len(part), crc32c(part)) + part
            first = False
    return out
