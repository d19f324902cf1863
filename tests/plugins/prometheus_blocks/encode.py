"""Encoders, one sample at a time and as plain as can be: what the reader is compared with without Prometheus."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

CASTAGNOLI = 0x82F63B78
XOR_SIZES = ((14, "10"), (17, "110"), (20, "1110"))
VARBIT_SIZES = ((3, "10"), (6, "110"), (9, "1110"), (12, "11110"), (18, "111110"), (25, "1111110"), (56, "11111110"))


def crc32c(data: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (CASTAGNOLI if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def uvarint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint(value: int) -> bytes:
    return uvarint(value << 1 if value >= 0 else ~(value << 1))


def bits_of(value: float) -> int:
    return struct.unpack(">Q", struct.pack(">d", value))[0]


class BitWriter:
    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, size: int) -> None:
        if size:
            self.text += format(value & ((1 << size) - 1), f"0{size}b")

    def bytes(self, data: bytes) -> None:
        for byte in data:
            self.put(byte, 8)

    def result(self) -> bytes:
        text = self.text + "0" * (-len(self.text) % 8)
        return int(text or "0", 2).to_bytes(len(text) // 8, "big")

    def signed(self, value: int, sizes: tuple[tuple[int, str], ...], last: str) -> None:
        if value == 0:
            self.text += "0"
            return
        for size, prefix in sizes:
            if -(1 << (size - 1)) + 1 <= value <= 1 << (size - 1):
                self.text += prefix
                self.put(value, size)
                return
        self.text += last
        self.put(value, 64)

    def varbit(self, value: int) -> None:
        self.signed(value, VARBIT_SIZES, "11111111")

    def uvarbit(self, value: int) -> None:
        size, prefix = next(((s, p) for s, p in ((0, "0"), *VARBIT_SIZES) if value < 1 << s), (64, "11111111"))
        self.text += prefix
        self.put(value, size)

    def float(self, value: float) -> None:
        self.put(bits_of(value), 64)


@dataclass
class XorState:
    bits: int
    leading: int | None = None
    trailing: int = 0

    def put(self, writer: BitWriter, value: float) -> None:
        now = bits_of(value)
        delta, self.bits = self.bits ^ now, now
        if not delta:
            writer.put(0, 1)
            return
        writer.put(1, 1)
        leading, trailing = min(64 - delta.bit_length(), 31), (delta & -delta).bit_length() - 1
        if self.leading is not None and leading >= self.leading and trailing >= self.trailing:
            writer.put(0, 1)
        else:
            self.leading, self.trailing = leading, trailing
            writer.put(1, 1)
            writer.put(leading, 5)
            writer.put((64 - leading - trailing) % 64, 6)
        writer.put(delta >> self.trailing, 64 - self.leading - self.trailing)


def xor_chunk(samples: list[tuple[int, float]]) -> bytes:
    writer = BitWriter()
    writer.put(len(samples), 16)
    state, step, before = XorState(0), 0, 0
    for number, (time, value) in enumerate(samples):
        if number == 0:
            writer.bytes(varint(time))
            writer.float(value)
            state = XorState(bits_of(value))
        else:
            if number == 1:
                writer.bytes(uvarint(time - before))
            else:
                writer.signed(time - before - step, XOR_SIZES, "1111")
            step = time - before
            state.put(writer, value)
        before = time
    return writer.result()


@dataclass
class Shape:
    """What the histograms of a chunk share."""

    flag: int = 0
    zero_threshold: float = 0.0
    schema: int = 0
    positive: list[tuple[int, int]] = field(default_factory=list)  # offset, length
    negative: list[tuple[int, int]] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)

    def write(self, writer: BitWriter) -> None:
        writer.put(self.flag << 6, 8)
        if self.zero_threshold == 0:
            writer.put(0, 8)
        elif self.zero_threshold == 2.0**-128:
            writer.put(116, 8)
        else:
            writer.put(255, 8)
            writer.float(self.zero_threshold)
        writer.varbit(self.schema)
        for spans in (self.positive, self.negative):
            writer.uvarbit(len(spans))
            for offset, length in spans:
                writer.uvarbit(length)
                writer.varbit(offset)
        if self.schema == -53:
            writer.uvarbit(len(self.bounds))
            for bound in self.bounds:
                thousandths = bound * 1000
                if 0 <= thousandths <= 33554430 and thousandths == int(thousandths):
                    writer.uvarbit(int(thousandths) + 1)
                else:
                    writer.put(0, 1)
                    writer.float(bound)


def histogram_chunk(shape: Shape, samples: list[tuple[int, int, int, float, list[int]]]) -> bytes:
    """Samples are time, count, zero count, sum, and the buckets as differences."""
    writer = BitWriter()
    writer.put(len(samples), 16)
    shape.write(writer)
    state = XorState(0)
    before: list[int] = []
    steps: list[int] = []
    for number, (time, count, zeros, total, buckets) in enumerate(samples):
        now = [time, count, zeros, *buckets]
        if number == 0:
            writer.varbit(time)
            writer.uvarbit(count)
            writer.uvarbit(zeros)
            writer.float(total)
            state = XorState(bits_of(total))
            for one in buckets:
                writer.varbit(one)
        else:
            change = [one - other for one, other in zip(now, before, strict=False)]
            written = change if number == 1 else [one - other for one, other in zip(change, steps, strict=False)]
            steps = change
            for one in written[:3]:
                writer.varbit(one)
            state.put(writer, total)
            for one in written[3:]:
                writer.varbit(one)
        before = now
    return writer.result()


def float_histogram_chunk(shape: Shape, samples: list[tuple[int, list[float]]]) -> bytes:
    """Samples are time, and count, zero count, sum and buckets."""
    writer = BitWriter()
    writer.put(len(samples), 16)
    shape.write(writer)
    states: list[XorState] = []
    before = step = 0
    for number, (time, values) in enumerate(samples):
        if number == 0:
            writer.varbit(time)
            for value in values:
                writer.float(value)
            states = [XorState(bits_of(value)) for value in values]
        else:
            writer.varbit(time - before if number == 1 else time - before - step)
            step = time - before
            for state, value in zip(states, values, strict=True):
                state.put(writer, value)
        before = time
    return writer.result()
