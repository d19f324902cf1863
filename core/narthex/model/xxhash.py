"""XXH64, the hash that Prometheus takes of label sets, for many texts at once.

``limit_ratio`` chooses series by this hash, so a query must compute the very same one to choose the same series as a
Prometheus beside it. Texts of one length are rows of one matrix, and each step of the algorithm is one operation on a
column. Source: the XXH64 specification (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md); seed 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels

__all__ = ["label_hashes", "xxh64"]

Hashes = NDArray[np.uint64]

_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime)
    for prime in (
        0x9E3779B185EBCA87,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0x85EBCA77C2B2AE63,
        0x27D4EB2F165667C5,
    )
)
_STRIPE = 32
_LONG = 255


def label_hashes(labels: Sequence[Labels]) -> Hashes:
    """The hash of each label set, as Prometheus 3 computes it: uint64, same length.

    The hashed text holds each name and value behind its length, in the order of names: a byte, or 255 and three bytes,
    least significant first.
    """
    return xxh64([b"".join(_sized(text) for pair in one.items() for text in pair) for one in labels])


def _sized(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    size = len(data)
    return bytes((size,)) + data if size < _LONG else bytes((_LONG,)) + size.to_bytes(3, "little") + data


def xxh64(texts: Sequence[bytes]) -> Hashes:
    """The hash of each text: uint64, same length."""
    hashes = np.zeros(len(texts), dtype=np.uint64)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        data = np.frombuffer(b"".join(texts[row] for row in rows.tolist()), dtype=np.uint8)
        with np.errstate(over="ignore"):  # arithmetic is modulo 2^64
            hashes[rows] = _of_length(data.reshape(len(rows), length))
    return hashes


def _of_length(data: NDArray[np.uint8]) -> Hashes:
    size = data.shape[1]
    stripes = size // _STRIPE * _STRIPE
    found = _of_stripes(data[:, :stripes]) if stripes else np.full(len(data), _P5)
    found = found + np.uint64(size)
    at = stripes
    while at + 8 <= size:
        found = _rotated(found ^ _round(np.zeros_like(found), _lane(data, at, 8)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= size:
        found = _rotated(found ^ (_lane(data, at, 4) * _P1), 23) * _P2 + _P3
        at += 4
    for column in range(at, size):
        found = _rotated(found ^ (data[:, column].astype(np.uint64) * _P5), 11) * _P1
    found = (found ^ (found >> np.uint64(33))) * _P2
    found = (found ^ (found >> np.uint64(29))) * _P3
    return found ^ (found >> np.uint64(32))


def _of_stripes(data: NDArray[np.uint8]) -> Hashes:
    zero = np.zeros(len(data), dtype=np.uint64)
    lanes = [zero + _P1 + _P2, zero + _P2, zero, zero - _P1]
    for at in range(0, data.shape[1], _STRIPE):
        lanes = [_round(lane, _lane(data, at + 8 * number, 8)) for number, lane in enumerate(lanes)]
    found = zero
    for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True):
        found = found + _rotated(lane, bits)
    for lane in lanes:
        found = (found ^ _round(zero, lane)) * _P1 + _P4
    return found


def _lane(data: NDArray[np.uint8], at: int, size: int) -> Hashes:
    """``size`` bytes of each row as a number, least significant byte first."""
    part = np.ascontiguousarray(data[:, at : at + size])
    return part.view("<u8" if size == 8 else "<u4")[:, 0].astype(np.uint64)


def _round(lane: Hashes, number: Hashes) -> Hashes:
    return _rotated(lane + number * _P2, 31) * _P1


def _rotated(number: Hashes, bits: int) -> Hashes:
    return (number << np.uint64(bits)) | (number >> np.uint64(64 - bits))
