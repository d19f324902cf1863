"""Go's variable-length integers, many at a time.

Seven bits a byte, least significant first, the top bit says that more follows; signed ones are folded so that small
numbers of either sign are short (``encoding/binary`` of Go's library).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["signed", "uvarint", "uvarints", "uvarints_at"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_LONGEST = 10


def uvarint(data: Bytes, at: int) -> tuple[int, int]:
    """One number and the position behind it. Raises ``ValueError`` when it does not end."""
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST].tolist()):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("a number does not end")


def uvarints(data: Bytes) -> tuple[Ints, Ints]:
    """All numbers that fill ``data``, as int64 (of the 64 bits), and the position behind each of them.

    Bytes behind the last one that ends are left over.
    """
    stops = np.flatnonzero(data < 128) + 1
    starts = np.concatenate([np.zeros(1, dtype=np.int64), stops[:-1]]) if len(stops) else stops
    lengths = stops - starts
    values = (data[starts] & 127).astype(np.int64) if len(stops) else np.zeros(0, dtype=np.int64)
    more = np.flatnonzero(lengths > 1)
    for place in range(1, min(int(lengths.max(initial=1)), _LONGEST)):
        values[more] |= (data[starts[more] + place] & 127).astype(np.int64) << 7 * place
        more = more[lengths[more] > place + 1]
    return values, stops


def uvarints_at(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """The numbers that begin at these positions, as int64, and the positions behind them.

    Raises ``ValueError`` when one of them does not end within the data.
    """
    values = np.zeros(len(at), dtype=np.int64)
    stops = at.copy()
    rows = np.arange(len(at))
    for place in range(_LONGEST):
        where = at[rows] + place
        if len(where) and int(where.max()) >= len(data):
            break
        byte = data[where]
        values[rows] |= (byte & 127).astype(np.int64) << 7 * place
        stops[rows] += 1
        rows = rows[byte >= 128]
        if not len(rows):
            return values, stops
    if len(rows):
        raise ValueError("a number does not end")
    return values, stops


def signed(values: Ints) -> Ints:
    """Unsigned numbers (their 64 bits as int64) as the signed ones that they stand for."""
    bits = values.view(np.uint64)
    return (bits >> np.uint64(1)).view(np.int64) ^ -(values & 1)
