"""Protobuf messages for tests: fields by number, encoded as the wire format says."""

from __future__ import annotations

import struct
from collections.abc import Iterable

__all__ = ["body", "double", "message", "packed", "signed", "text", "varint"]


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def varint(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value & 0xFFFFFFFFFFFFFFFF)


def signed(number: int, value: int) -> bytes:
    return varint(number, _zigzag(value))


def double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def message(number: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def text(number: int, value: str) -> bytes:
    return message(number, value.encode())


def packed(number: int, values: Iterable[int]) -> bytes:
    return message(number, *(_varint(_zigzag(one)) for one in values))


def body(*families: bytes) -> bytes:
    return b"".join(_varint(len(one)) + one for one in families)
