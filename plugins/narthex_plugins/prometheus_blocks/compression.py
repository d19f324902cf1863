"""Decompresses records of the write-ahead log: snappy blocks, or zstd frames where Prometheus was told so."""

from __future__ import annotations

__all__ = ["MOST_BYTES", "snappy", "zstd"]

MOST_BYTES = 1 << 30
"""No record of a log is nearly that large; what says that it is would only eat up the memory."""


def snappy(data: bytes) -> bytes:
    """The content of a snappy block. Raises ``ValueError`` when it is none."""
    import cramjam

    try:
        if cramjam.snappy.decompress_raw_len(data) > MOST_BYTES:
            raise ValueError("the compressed data claims to be larger than any record")
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise ValueError(f"the compressed data cannot be read: {error}") from None


def zstd(data: bytes) -> bytes:
    """The content of a zstd frame. Raises ``ValueError`` when it is none."""
    import cramjam

    try:
        return bytes(cramjam.zstd.decompress(data))
    except cramjam.DecompressionError as error:
        raise ValueError(f"the compressed data cannot be read: {error}") from None
