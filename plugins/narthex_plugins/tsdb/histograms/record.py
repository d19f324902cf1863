"""Accepted histograms as a record of their log (docs/reference/tsdb-format.md): columns, packed with deflate.

Most of a record is float64 counts that are small whole numbers, so the fastest level of deflate takes four fifths off.
"""

from __future__ import annotations

import struct

import numpy as np
from isal import isal_zlib

from narthex_plugins.tsdb.histograms.columns import Columns
from narthex_plugins.tsdb.histograms.layout import layouts_from_bytes, layouts_to_bytes
from narthex_plugins.tsdb.records import HISTOGRAMS

__all__ = ["histograms_payload", "read_histograms"]

_HEAD = struct.Struct("<III")  # samples, bytes of the layouts, numbers

_ARRAYS = ("<i4", "<i8", "<i8", "u1", "<i4", "<f8")
"""References, times, start timestamps, hints, layouts, numbers."""

_MOST = 1 << 28
"""Bytes a record may unpack to; more is damage that a checksum happened to miss."""


def histograms_payload(columns: Columns) -> bytes:
    """The columns, with the layouts they need."""
    layouts = layouts_to_bytes(columns.layouts)
    parts = (
        _HEAD.pack(len(columns), len(layouts), len(columns.numbers)),
        layouts,
        columns.refs.astype("<i4").tobytes(),
        columns.times.astype("<i8").tobytes(),
        columns.starts.astype("<i8").tobytes(),
        columns.hints.tobytes(),
        columns.layout.astype("<i4").tobytes(),
        columns.numbers.astype("<f8").tobytes(),
    )
    return HISTOGRAMS + isal_zlib.compress(b"".join(parts), 1)


def read_histograms(payload: memoryview) -> Columns:
    """The inverse. Raises ``ValueError`` for what makes no sense."""
    try:
        data = isal_zlib.decompressobj().decompress(payload[1:], _MOST)
        count, size, numbers = _HEAD.unpack_from(data)
    except (isal_zlib.error, struct.error) as error:  # type: ignore[misc]  # isal ships no type information
        raise ValueError(str(error)) from None
    at = _HEAD.size + size
    layouts = layouts_from_bytes(data[_HEAD.size : at])
    found = []
    for dtype, length in zip(_ARRAYS, (*[count] * 5, numbers), strict=True):
        found.append(np.frombuffer(data, dtype, length, at))
        at += found[-1].nbytes
    refs, times, starts, hints, layout, flat = found
    widths = np.array([one.width for one in layouts], dtype=np.int64)
    if count and (layout.min() < 0 or layout.max() >= len(layouts)):
        raise ValueError("a sample without a layout")
    offsets = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(widths[layout], out=offsets[1:])
    if offsets[-1] != numbers:
        raise ValueError("the layouts do not fit the numbers")
    return Columns(
        refs.astype(np.int32),
        times.astype(np.int64),
        starts.astype(np.int64),
        hints,
        layout.astype(np.int32),
        flat.astype(np.float64),
        offsets,
        layouts,
    )
