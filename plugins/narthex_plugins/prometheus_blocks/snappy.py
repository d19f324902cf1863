"""Decompresses snappy blocks, as the write-ahead log has them (google/snappy, ``format_description.txt``).

A block is its length (varint) and then literals and copies of what came before. Half a microsecond for each of those is
quick enough for a log of a few hours, and spares everybody a compiled dependency.
"""

from __future__ import annotations

__all__ = ["decompress"]


def decompress(data: bytes) -> bytes:
    """The content of a block. Raises ``ValueError`` when it is none."""
    try:
        return _decompressed(data)
    except IndexError:
        raise ValueError("the compressed data ends too early") from None


def _decompressed(data: bytes) -> bytes:
    size, at = _length(data)
    out = bytearray()
    end = len(data)
    while at < end:
        tag = data[at]
        kind = tag & 3
        at += 1
        if kind == 0:  # a literal: six bits of length, or how many bytes of length follow
            length = tag >> 2
            if length >= 60:
                more = length - 59
                length = int.from_bytes(data[at : at + more], "little")
                at += more
            length += 1
            out += data[at : at + length]
            at += length
            continue
        if kind == 1:
            length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(data[at : at + width], "little")
            at += width
        start = len(out) - offset
        if start < 0 or not offset:
            raise ValueError("the compressed data copies from before its beginning")
        if offset >= length:
            out += out[start : start + length]
        else:  # a copy may run into what it writes: then it repeats
            out += (bytes(out[start:]) * (length // offset + 1))[:length]
    if len(out) != size:
        raise ValueError(f"the compressed data gives {len(out)} bytes instead of {size}")
    return bytes(out)


def _length(data: bytes) -> tuple[int, int]:
    size = shift = at = 0
    while True:
        byte = data[at]
        size |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return size, at
