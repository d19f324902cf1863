"""The records of the logs: framing with a checksum, and the payload of each type (docs/reference/tsdb-format.md).

A record is the payload's length and CRC-32 (both u32, little endian), then the payload, whose first byte is its type.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from isal.isal_zlib import crc32  # ten times faster than zlib's
from numpy.typing import NDArray

from narthex.storage.frames import NO_START, Points
from narthex_plugins.tsdb.series import NewSeries

__all__ = [
    "HEADER",
    "HISTOGRAMS",
    "LAYOUT",
    "POINTS",
    "ROW",
    "SERIES",
    "STARTED",
    "VERSION",
    "Damage",
    "frame",
    "header_payload",
    "layout_payload",
    "points_payload",
    "read_layout",
    "read_points",
    "read_row",
    "read_series",
    "records",
    "row_payload",
    "series_payload",
]

HEADER, SERIES, LAYOUT, ROW, POINTS = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
STARTED, HISTOGRAMS = b"\x06", b"\x07"

_FRAME = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_GROUP = struct.Struct("<I")
_ROW = struct.Struct("<IIq")

VERSION = 3


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a log stops making sense: good up to ``offset``, ``dropped`` bytes from there on."""

    offset: int
    dropped: int


def frame(payload: bytes) -> bytes:
    """A payload as a record."""
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def records(path: Path) -> Iterator[memoryview | Damage]:
    """The payloads of a log, one after the other; a :class:`Damage` comes last where a record is torn or wrong."""
    with path.open("rb") as file:
        size = path.stat().st_size
        offset = 0
        while offset < size:
            head = file.read(_FRAME.size)
            length, checksum = _FRAME.unpack(head) if len(head) == _FRAME.size else (0, 0)
            # A length of zero is what a file that was extended but not written ends with.
            payload = file.read(length) if 0 < length <= size - offset - _FRAME.size else b""
            if not payload or len(payload) != length or crc32(payload) != checksum:
                yield Damage(offset, size - offset)
                return
            yield memoryview(payload)
            offset += _FRAME.size + length


def header_payload(**facts: Any) -> bytes:
    """What a log is about; its first record."""
    return HEADER + json.dumps({"version": VERSION, **facts}).encode()


def series_payload(new: NewSeries) -> bytes:
    """Series with the dictionary entries they need."""
    text = json.dumps(
        {"names": list(new.names), "count": len(new.refs), "values": {k: list(v) for k, v in new.values.items()}}
    ).encode()
    refs = new.refs.astype("<i4").tobytes()
    return b"".join([SERIES, _LENGTH.pack(len(text)), text, refs, new.codes.astype("<i4").tobytes()])


def read_series(payload: memoryview) -> NewSeries:
    """The inverse of :func:`series_payload`."""
    (length,) = _LENGTH.unpack_from(payload, 1)
    start = 1 + _LENGTH.size
    head = json.loads(bytes(payload[start : start + length]))
    numbers = np.frombuffer(payload, dtype="<i4", offset=start + length)
    count = head["count"]
    codes = numbers[count:].reshape(len(head["names"]), count)
    return NewSeries(head["values"], head["names"], numbers[:count].astype(np.int64), codes)


def layout_payload(group: int, refs: NDArray[np.int64]) -> bytes:
    """Further columns of a group."""
    return LAYOUT + _GROUP.pack(group) + refs.astype("<i4").tobytes()


def read_layout(payload: memoryview) -> tuple[int, NDArray[np.int64]]:
    """Group and series of the new columns."""
    (group,) = _GROUP.unpack_from(payload, 1)
    return group, np.frombuffer(payload, dtype="<i4", offset=1 + _GROUP.size).astype(np.int64)


def row_payload(group: int, row: int, timestamp: int, values: bytes) -> bytes:
    """One row of a group; ``values`` are its float64, little endian."""
    return b"".join([ROW, _ROW.pack(group, row, timestamp), values])


def read_row(payload: memoryview) -> tuple[int, int, int, NDArray[np.float64]]:
    """Group, row, timestamp and values."""
    group, row, timestamp = _ROW.unpack_from(payload, 1)
    return group, row, timestamp, np.frombuffer(payload, dtype="<f8", offset=1 + _ROW.size)


def points_payload(points: Points) -> bytes:
    """Accepted points, of another type where some have start timestamps."""
    arrays = [points.series.astype("<i4"), points.times.astype("<i8"), points.values.astype("<f8")]
    kind = POINTS
    if points.starts is not None and (points.starts != NO_START).any():
        kind = STARTED
        arrays.append(points.starts.astype("<i8"))
    return b"".join([kind, _LENGTH.pack(len(points.series)), *(one.tobytes() for one in arrays)])


def read_points(payload: memoryview) -> Points:
    """The inverse of :func:`points_payload`."""
    (count,) = _LENGTH.unpack_from(payload, 1)
    start = 1 + _LENGTH.size
    series = np.frombuffer(payload, "<i4", count, start).astype(np.int64)
    times = np.frombuffer(payload, "<i8", count, start + 4 * count).astype(np.int64)
    values = np.frombuffer(payload, "<f8", count, start + 12 * count).astype(np.float64)
    if payload[:1] != STARTED:
        return Points(series, times, values)
    return Points(series, times, values, np.frombuffer(payload, "<i8", count, start + 20 * count).astype(np.int64))
