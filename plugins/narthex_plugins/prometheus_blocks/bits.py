"""Reading bit streams: one bit position in each of many streams at a time, or one stream number by number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BitReader", "Words"]

Ints = NDArray[np.int64]
Bits64 = NDArray[np.uint64]

_ONE, _LAST = np.uint64(1), np.uint64(63)


class Words:
    """Bytes as big-endian 64-bit words, to be read at any bit."""

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(16 + -len(data) % 8)  # a read that begins at the last bit stays inside
        self._words: Bits64 = np.frombuffer(padded, dtype=">u8").astype(np.uint64)

    def at(self, position: Ints) -> Bits64:
        """The 64 bits that begin at each position; behind the end come zeros or whatever stands last."""
        index, shift = position >> 6, (position & 63).astype(np.uint64)
        high = self._words.take(index, mode="clip") << shift
        return high | (self._words.take(index + 1, mode="clip") >> _ONE) >> (_LAST - shift)


class BitReader:
    """One stream, from its first bit on. Reading behind the end raises ``ValueError``."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def bits(self, count: int) -> int:
        """The next bits as an unsigned number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("the chunk ends too early")
        return self._number >> self._left & ((1 << count) - 1)

    def ones(self, most: int) -> int:
        """How many 1 bits come before the next 0, which is taken too; or ``most`` of them."""
        count = 0
        while count < most and self.bits(1):
            count += 1
        return count
