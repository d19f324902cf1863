"""Go's literals: quoted strings, raw strings, character constants and numbers."""

from __future__ import annotations

import re

__all__ = ["number", "unquote"]

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[+-]?(([0-9][0-9_]*)?\.?[0-9_]*([eE][+-]?[0-9]+)?)\Z")
_HEX_FLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*[pP][+-]?[0-9]+\Z")
_INT_RANGE = range(-(1 << 63), 1 << 63)


def unquote(text: str) -> str:
    """The value of a string or character literal with its quotes. Raises ``ValueError`` for what Go refuses."""
    quote, inner = text[0], text[1:-1]
    if quote == "`":
        return inner.replace("\r", "")
    value = b"".join(_pieces(inner, quote)).decode(errors="replace")
    if quote == "'" and len(value) != 1:
        raise ValueError(f"malformed character constant: {text}")
    return value


def _pieces(inner: str, quote: str) -> list[bytes]:
    r"""Bytes, not text: ``\xNN`` and ``\NNN`` name bytes, of which several may make one character."""
    pieces, end = [], 0
    for match in _ESCAPE.finditer(inner):
        pieces.append(inner[end : match.start()].encode())
        pieces.append(_unescape(match.group(1), quote))
        end = match.end()
    pieces.append(inner[end:].encode())
    return pieces


def _unescape(code: str, quote: str) -> bytes:
    if code == quote:
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

    Raises ``ValueError`` for what is no number, and for an int beyond 64 bits.
    """
    if text.startswith("'"):
        return ord(unquote(text))
    if _INTEGER.match(text):
        value = _integer(text)
        if value not in _INT_RANGE:
            raise ValueError(f"integer overflow: {text!r}")
        return value
    if _HEX_FLOAT.match(text):
        return float.fromhex(text.replace("_", ""))
    if _FLOAT.match(text) and any(char.isdigit() for char in text):
        return float(text.replace("_", ""))
    raise ValueError(f"bad number syntax: {text!r}")


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8) if octal else int(digits, 0)  # Go reads 010 as octal
    return -value if text.startswith("-") else value
