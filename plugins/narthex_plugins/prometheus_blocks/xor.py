"""Float chunks (encoding 1): Gorilla's compression, decoded for thousands of chunks in step.

Every sample of a chunk depends on the one before it, so a chunk cannot be decoded in parallel with itself. But the
first samples of all chunks can, then the second ones, and so on: each step is some sixty array operations over all
chunks that are not finished. That takes about 0.2 µs a sample, where a loop in Python takes 3.

A chunk is the count (u16, big endian), the first time (signed varint, ms) and value (64 bits), the first difference of
times (unsigned varint) and a value, then for each further sample the change of the difference and a value. A change is
``0``, or a prefix and 14, 17, 20 or 64 bits. A value is ``0`` for the same as before; ``10`` and the bits that differ,
in the same place as last time; or ``11``, five bits of leading zeros, six of length, and the bits that differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.prometheus_blocks.bits import Words
from narthex_plugins.prometheus_blocks.varints import signed, uvarints_at

__all__ = ["FloatChunks", "decode_xor"]

Ints = NDArray[np.int64]
Bits64 = NDArray[np.uint64]

# By the first four bits: how many of them are the prefix, and how many bits follow it.
_PREFIX = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4, 4], dtype=np.uint64)
_SIZE = np.array([0] * 8 + [14] * 4 + [17] * 2 + [20, 64], dtype=np.int64)
_WHOLE = 15  # the prefix of a change that stands there with all its 64 bits
_64 = np.uint64(64)
_63 = np.uint64(63)


@dataclass(frozen=True, slots=True)
class FloatChunks:
    """Decoded chunks, one after the other: ``counts`` int64 of each chunk, ``times`` (int64, ms) and ``values``."""

    counts: Ints
    times: Ints
    values: NDArray[np.float64]


def decode_xor(chunks: list[bytes]) -> FloatChunks:
    """Decode chunks. Raises ``ValueError(what, chunk)`` when one of them makes no sense."""
    lengths = np.fromiter(map(len, chunks), dtype=np.int64, count=len(chunks))
    stops = np.cumsum(lengths)
    if (lengths < 2).any():
        raise ValueError("a chunk is too short for its count", int((lengths < 2).argmax()))
    joined = b"".join(chunks)
    data = np.frombuffer(joined, dtype=np.uint8)
    begins = stops - lengths
    counts = data[begins].astype(np.int64) << 8 | data[begins + 1]
    order = np.argsort(-counts, kind="stable")  # the chunks that go on are then a prefix
    decoder = _Decoder(data, Words(joined), begins[order] + 2, counts[order])
    ends = (np.cumsum(counts) - counts)[order]
    times, values = decoder.run(ends, int(counts.sum()))
    wrong = np.flatnonzero(decoder.position > 8 * stops[order])
    if len(wrong):
        raise ValueError("the chunk ends too early", int(order[wrong[0]]))
    return FloatChunks(counts, times, values.view(np.float64))


class _Decoder:
    """The state of all chunks, in order of falling counts."""

    def __init__(self, data: NDArray[np.uint8], words: Words, begins: Ints, counts: Ints) -> None:
        self._data = data
        self._words = words
        self._counts = counts
        self.position = 8 * begins
        """The next bit of each chunk."""
        self._time = np.zeros(len(begins), dtype=np.int64)
        self._step = np.zeros(len(begins), dtype=np.int64)
        self._value: Bits64 = np.zeros(len(begins), dtype=np.uint64)
        self._leading: Bits64 = np.zeros(len(begins), dtype=np.uint64)
        self._length: Bits64 = np.zeros(len(begins), dtype=np.uint64)

    def run(self, places: Ints, total: int) -> tuple[Ints, Bits64]:
        """All times and values; the samples of a chunk go to its place and those behind it."""
        times = np.empty(total, dtype=np.int64)
        values = np.empty(total, dtype=np.uint64)
        most = int(self._counts[0]) if len(self._counts) else 0
        going = np.searchsorted(-self._counts, -np.arange(most), side="left")
        for number in range(most):
            active = int(going[number])
            if number == 0:
                self._first(active)
            else:
                self._times(active, second=number == 1)
                self._values(active)
            times[places[:active] + number] = self._time[:active]
            values[places[:active] + number] = self._value[:active]
        return times, values

    def _first(self, active: int) -> None:
        folded, at = self._varints(active)
        self._time[:active] = signed(folded)
        self._value[:active] = self._words.at(8 * at)
        self.position[:active] = 8 * at + 64

    def _varints(self, active: int) -> tuple[Ints, Ints]:
        try:
            return uvarints_at(self._data, self.position[:active] >> 3)
        except ValueError as error:
            raise ValueError(str(error), 0) from None

    def _times(self, active: int, *, second: bool) -> None:
        position = self.position[:active]
        if second:
            step, at = self._varints(active)
            self._step[:active] = step
            position[:] = 8 * at
        else:
            bits = self._words.at(position)
            kind = (bits >> np.uint64(60)).astype(np.int64)
            if kind.any():
                prefix, size = _PREFIX[kind], _SIZE[kind]
                change = self._change(bits << prefix, size)
                whole = np.flatnonzero(kind == _WHOLE)
                if len(whole):
                    change[whole] = self._words.at(position[whole] + 4).view(np.int64)
                self._step[:active] += change
                position += prefix.astype(np.int64) + size
            else:
                position += 1
        self._time[:active] += self._step[:active]

    @staticmethod
    def _change(bits: Bits64, size: Ints) -> Ints:
        """The leading ``size`` bits as numbers from -(2^(size-1) - 1) to 2^(size-1)."""
        # A shift by 64 is not defined, so it is done in two; a size of 0 then gives 0.
        shift = (64 - size).astype(np.uint64)
        value = (bits >> (shift >> np.uint64(1)) >> (shift - (shift >> np.uint64(1)))).view(np.int64)
        return value - np.where(value > np.int64(1) << np.maximum(size - 1, 0), np.int64(1) << (size & 63), 0)

    def _values(self, active: int) -> None:
        position = self.position[:active]
        bits = self._words.at(position)
        same = bits >> _63 == 0
        position += 1
        rows = np.flatnonzero(~same)
        if not len(rows):
            return
        bits = bits[rows]
        fresh = bits >> np.uint64(62) == np.uint64(3)
        new = rows[fresh]
        if len(new):
            head = bits[fresh]
            self._leading[new] = head >> np.uint64(57) & np.uint64(31)
            length = head >> np.uint64(51) & _63
            self._length[new] = np.where(length, length, _64)  # 64 does not fit in six bits and is written as 0
        position[rows] += np.where(fresh, 12, 1)
        length, leading = self._length[rows], self._leading[rows]
        differing = self._words.at(position[rows]) >> (_64 - np.maximum(length, np.uint64(1)))
        trailing = _64 - leading - length  # wraps where a damaged chunk says more than 64; the checksum came before
        self._value[rows] ^= differing << (trailing & _63)
        position[rows] += length.view(np.int64)
