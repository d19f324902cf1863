"""Chunks of native histograms: integer counts (encoding 2) and float counts (encoding 3).

The head holds what all samples of the chunk share: a counter-reset flag, the zero threshold, the schema, and which
buckets there are, as spans; custom buckets have their bounds here too. Samples follow as differences of differences
(integers) or as XORed floats. Integer buckets are differences to the bucket before. Histograms are rare and wide, so
they are decoded one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.value import CUSTOM_SCHEMA, Buckets, Hint, Histogram
from narthex.model.sample import STALE_NAN_BITS
from narthex_plugins.prometheus_blocks.bits import BitReader

__all__ = ["FLOAT_HISTOGRAM", "HISTOGRAM", "decode_histograms"]

HISTOGRAM, FLOAT_HISTOGRAM = 2, 3
"""The encodings."""

_SIZES = (0, 3, 6, 9, 12, 18, 25, 56, 64)  # bits of a number, by how many 1 bits stand before it
_FLAGS = {0x80: Hint.RESET, 0x40: Hint.NOT_RESET, 0xC0: Hint.GAUGE}
_FLAG_MASK = 0xC0


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the samples of a chunk share."""

    hint: Hint
    zero_threshold: float
    schema: int
    positive: NDArray[np.int32]
    negative: NDArray[np.int32]
    bounds: tuple[float, ...]


class _XorFloat:
    """A float that is written as the bits in which it differs from the one before."""

    __slots__ = ("bits", "leading", "length")

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.leading = 0
        self.length = 0

    def read(self, reader: BitReader) -> None:
        if not reader.bits(1):
            return
        if reader.bits(1):
            self.leading, self.length = reader.bits(5), reader.bits(6) or 64
        self.bits ^= reader.bits(self.length) << (64 - self.leading - self.length)


def decode_histograms(data: bytes, encoding: int) -> Iterator[tuple[int, Histogram]]:
    """Time (ms) and value of each sample of a chunk. Raises ``ValueError`` when the chunk makes no sense.

    The first sample has the hint that the chunk's flag gives, later ones of a counter ``NOT_RESET``: Prometheus begins
    another chunk at a reset.
    """
    if len(data) < 3:
        raise ValueError("the chunk is too short for its head")
    count = int.from_bytes(data[:2], "big")
    reader = BitReader(data[2:])
    hint = _FLAGS.get(reader.bits(8) & _FLAG_MASK, Hint.UNKNOWN)
    layout = _layout(reader, hint)
    samples = _integer_samples if encoding == HISTOGRAM else _float_samples
    later = Hint.GAUGE if hint is Hint.GAUGE else Hint.NOT_RESET
    for number, (time, sums, counts) in enumerate(samples(reader, layout, count)):
        yield time, _histogram(layout, sums, counts, later if number else hint)


def _layout(reader: BitReader, hint: Hint) -> _Layout:
    code = reader.bits(8)
    zero_threshold = 2.0 ** (code - 244) if code else 0.0  # powers of two from 2^-243 to 2^10, or nothing
    if code == 255:
        zero_threshold = _float(reader.bits(64))
    schema = _varbit(reader)
    positive, negative = _spans(reader), _spans(reader)
    bounds = tuple(_bound(reader) for _ in range(_uvarbit(reader))) if schema == CUSTOM_SCHEMA else ()
    return _Layout(hint, zero_threshold, schema, positive, negative, bounds)


def _spans(reader: BitReader) -> NDArray[np.int32]:
    """The indices of the buckets of a side."""
    index: list[int] = []
    at = 0
    for _ in range(_uvarbit(reader)):
        length, offset = _uvarbit(reader), _varbit(reader)
        at += offset
        if length > 1 << 16:
            raise ValueError(f"a span of {length} buckets")
        index += range(at, at + length)
        at += length
    return np.array(index, dtype=np.int32)


def _bound(reader: BitReader) -> float:
    """A custom bound: thousandths plus one if that is a whole number of at most 25 bits, else a float behind a 0."""
    thousandths = _uvarbit(reader)
    return (thousandths - 1) / 1000 if thousandths else _float(reader.bits(64))


def _integer_samples(
    reader: BitReader, layout: _Layout, count: int
) -> Iterator[tuple[int, float, tuple[float, float, list[float]]]]:
    """Times, sums, and counts (all, zero, buckets as differences). Differences of differences from the third on."""
    buckets = len(layout.positive) + len(layout.negative)
    total = _XorFloat(0)
    now = [0] * (3 + buckets)  # time, count, zero count, buckets
    step = [0] * (3 + buckets)
    for number in range(count):
        if number == 0:
            now[:3] = _varbit(reader), _uvarbit(reader), _uvarbit(reader)
            total = _XorFloat(reader.bits(64))
            now[3:] = [_varbit(reader) for _ in range(buckets)]
        else:
            _go_on(reader, now, step, slice(0, 3), first=number == 1)
            total.read(reader)
            if total.bits != STALE_NAN_BITS:  # the end of a series has no buckets
                _go_on(reader, now, step, slice(3, None), first=number == 1)
        yield now[0], _float(total.bits), (float(now[1]), float(now[2]), _summed(now[3:], len(layout.positive)))


def _go_on(reader: BitReader, now: list[int], step: list[int], part: slice, *, first: bool) -> None:
    for at in range(*part.indices(len(now))):
        change = _varbit(reader)
        step[at] = change if first else step[at] + change
        now[at] += step[at]


def _summed(differences: list[int], positive: int) -> list[float]:
    """Counts of both sides, from differences that begin anew with the negative side."""
    counts: list[float] = []
    for at, difference in enumerate(differences):
        before = counts[-1] if at not in {0, positive} else 0.0
        counts.append(before + difference)
    return counts


def _float_samples(
    reader: BitReader, layout: _Layout, count: int
) -> Iterator[tuple[int, float, tuple[float, float, list[float]]]]:
    buckets = len(layout.positive) + len(layout.negative)
    time = step = 0
    values: list[_XorFloat] = []  # count, zero count, sum, buckets
    for number in range(count):
        if number == 0:
            time = _varbit(reader)
            values = [_XorFloat(reader.bits(64)) for _ in range(3 + buckets)]
        else:
            change = _varbit(reader)
            step = change if number == 1 else step + change
            time += step
            for one in values[:3]:
                one.read(reader)
            if values[2].bits != STALE_NAN_BITS:
                for one in values[3:]:
                    one.read(reader)
        floats = [_float(one.bits) for one in values]
        yield time, floats[2], (floats[0], floats[1], floats[3:])


def _histogram(layout: _Layout, total: float, counts: tuple[float, float, list[float]], hint: Hint) -> Histogram:
    if np.float64(total).view(np.int64) == STALE_NAN_BITS:
        return Histogram(sum=total)
    positive = len(layout.positive)
    sides = np.array(counts[2], dtype=np.float64)
    return Histogram(
        schema=layout.schema,
        zero_threshold=layout.zero_threshold,
        zero_count=counts[1],
        count=counts[0],
        sum=total,
        positive=Buckets(layout.positive, sides[:positive]),
        negative=Buckets(layout.negative, sides[positive:]),
        bounds=layout.bounds,
        hint=hint,
    )


def _uvarbit(reader: BitReader) -> int:
    return reader.bits(_SIZES[reader.ones(8)])


def _varbit(reader: BitReader) -> int:
    """A signed number: of ``n`` bits, from -(2^(n-1) - 1) to 2^(n-1); of 64 bits, two's complement."""
    size = _SIZES[reader.ones(8)]
    value = reader.bits(size)
    if size == 64:
        return value - (1 << 64) if value >> 63 else value
    return value - (1 << size) if size and value > 1 << (size - 1) else value


def _float(bits: int) -> float:
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value
