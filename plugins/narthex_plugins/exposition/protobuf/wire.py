"""Protobuf's wire format, as much as three small messages need (protobuf.dev/programming-guides/encoding).

A library would cost a compiled dependency and build an object for each field. Here a message is walked once, and what
nobody asks for is skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from narthex.errors import ExpositionError

__all__ = ["Field", "WireError", "delimited", "fields", "packed_doubles", "packed_varints", "zigzag"]

Field = tuple[int, int, Any]
"""Field number, wire type, and the value: an int (varint), a float (64 bits), or a memoryview. Which of them it should
be is the message's business."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_DOUBLE = struct.Struct("<d")
_LONGEST = 10
"""Bytes of a varint of 64 bits."""


class WireError(ExpositionError):
    """The bytes are no protobuf message."""


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """An unsigned integer and the position behind it."""
    value = shift = 0
    for end in range(at, min(at + _LONGEST, len(data))):
        byte = data[end]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, end + 1
        shift += 7
    raise WireError("a varint does not end")


def zigzag(value: int) -> int:
    """A signed integer (``sint32``, ``sint64``) from its unsigned code."""
    return (value >> 1) ^ -(value & 1)


def fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message in order. Raises :class:`WireError` where it ends in the middle of one."""
    at, size = 0, len(data)
    while at < size:
        key = data[at]
        at += 1
        if key >= 0x80:
            key, at = _varint(data, at - 1)
        kind = key & 7
        value: Any
        if kind == LENGTH:
            length, at = _varint(data, at)
            value = data[at : at + length]
            at += length
        elif kind == VARINT:
            value, at = _varint(data, at)
        elif kind == FIXED64:
            if at + 8 > size:
                raise WireError("a message ends within a number")
            (value,) = _DOUBLE.unpack_from(data, at)
            at += 8
        elif kind == FIXED32:
            value = data[at : at + 4]
            at += 4
        else:
            raise WireError(f"unknown wire type {kind}")
        if at > size:
            raise WireError("a message ends within a field")
        yield key >> 3, kind, value


def delimited(body: memoryview) -> Iterator[memoryview]:
    """The messages of a body, each of which stands behind its length."""
    at = 0
    while at < len(body):
        length, at = _varint(body, at)
        if at + length > len(body):
            raise WireError(f"a message of {length} bytes is cut off after {len(body) - at}")
        yield body[at : at + length]
        at += length


def packed_varints(kind: int, value: Any) -> list[int]:
    """The numbers of a repeated integer field, packed or one by one."""
    if kind == VARINT:
        return [value]
    found, at = [], 0
    while at < len(value):
        one, at = _varint(value, at)
        found.append(one)
    return found


def packed_doubles(kind: int, value: Any) -> list[float]:
    """The numbers of a repeated ``double`` field, packed or one by one."""
    if kind == FIXED64:
        return [value]
    if len(value) % 8:
        raise WireError("a list of numbers ends within one")
    return list(struct.unpack(f"<{len(value) // 8}d", value))
