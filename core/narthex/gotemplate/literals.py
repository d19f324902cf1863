"""Go's literals: quoted strings, raw strings, character constants and numbers."""

from __future__ import annotations

import json
import re

from narthex.gotemplate.values import Uint
from narthex.model.number import parse_float

__all__ = ["number", "quote", "unquote"]

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*)\Z")
_INT_RANGE = range(-(1 << 63), 1 << 63)


def unquote(text: str) -> str:
    """The value of a string or character literal with its quotes. Raises ``ValueError`` for what Go refuses."""
    mark, inner = text[0], text[1:-1]
    if mark == "`":
        return inner.replace("\r", "")
    value = b"".join(_pieces(inner, mark)).decode(errors="replace")
    if mark == "'" and not value:
        raise ValueError("invalid syntax")
    if mark == "'" and len(value) != 1:
        raise ValueError(f"malformed character constant: {text}")
    return value


def quote(text: str) -> str:
    """Go's ``strconv.Quote``: JSON's escapes fit, but for control characters."""
    pieces = []
    for char in text:
        if char in '"\\\n\r\t\b\f':
            pieces.append(json.dumps(char)[1:-1])
        elif char in "\a\v":
            pieces.append("\\a" if char == "\a" else "\\v")
        elif char < " " or char == "\x7f":
            pieces.append(f"\\x{ord(char):02x}")
        elif not char.isprintable():
            pieces.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
        else:
            pieces.append(char)
    return '"' + "".join(pieces) + '"'


def _pieces(inner: str, mark: str) -> list[bytes]:
    r"""Bytes, not text: ``\xNN`` and ``\NNN`` name bytes, of which several may make one character."""
    pieces, end = [], 0
    for match in _ESCAPE.finditer(inner):
        pieces.append(inner[end : match.start()].encode())
        pieces.append(_unescape(match.group(1), mark))
        end = match.end()
    pieces.append(inner[end:].encode())
    return pieces


def _unescape(code: str, mark: str) -> bytes:
    if code == mark:
        return code.encode()
    if code in _SIMPLE:
        return _SIMPLE[code].encode()
    if len(code) == 3 and code[0] == "x":
        return bytes([int(code[1:], 16)])
    if code[0] in "uU" and len(code) > 1:
        return chr(int(code[1:], 16)).encode()  # chr refuses what lies beyond Unicode, encode refuses surrogates
    if len(code) == 3 and int(code, 8) < 256:
        return bytes([int(code, 8)])
    raise ValueError("invalid syntax")


def number(text: str) -> int | float:
    """The value of a number or character constant: an int where the text is one, otherwise a float.

    An int too large for 63 bits is a :class:`Uint`, which no constant may be when it is used. Raises ``ValueError``
    for what is no number, and for an int beyond 64 bits.
    """
    if text.startswith("'"):
        return ord(unquote(text))
    if _INTEGER.match(text):
        value = _integer(text)
        if value is None:
            return _too_large(text)
        if value in _INT_RANGE:
            return value
        if 0 < value < 1 << 64 and text[0] != "+":
            return Uint(value)
        return _too_large(text)
    return _float(text)


def _float(text: str) -> float:
    try:
        return parse_float(text)
    except ValueError:
        raise ValueError(f"illegal number syntax: {quote(text)}") from None


def _too_large(text: str) -> int:
    """What Go says of digits that are no integer, though they may be a float."""
    _float(text)
    raise ValueError(f"integer overflow: {quote(text)}")


def _integer(text: str) -> int | None:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    try:
        value = int(digits, 8) if octal else int(digits, 0)  # Go reads 010 as octal
    except ValueError:
        return None
    return -value if text.startswith("-") else value
