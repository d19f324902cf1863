r"""Go string literals, as PromQL and the test language write them: ``"…"``, ``'…'`` and raw text in backquotes.

Escapes may name single bytes (``\xff``, ``\377``), so the result need not be UTF-8; such bytes become lone surrogates,
as Python's ``surrogateescape`` makes them, and come back unchanged when the text is encoded the same way.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["StringSyntaxError", "describe_character", "quote_character", "quote_go", "unquote"]

_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_DIGITS = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_SPECIAL = re.compile(r"""[\\\n]""")
_UNPRINTABLE = re.compile(r"""["\\]|[^\x20-\x7e]""")
_ESCAPED_RUNE = re.compile(r"""\\|[^\x20-\x7e]""")
_NAMED = {value: "\\" + key for key, value in _SIMPLE.items()} | {'"': '\\"'}


class StringSyntaxError(ValueError):
    """A literal is malformed; the text is the reason in Prometheus's words."""


def describe_character(char: str) -> str:
    """A character as Go's ``%#U`` prints it: ``U+0063 'c'``."""
    code = f"U+{ord(char):04X}"
    return f"{code} '{char}'" if char.isprintable() else code


def unquote(literal: str) -> str:
    """The text a literal with its quotes stands for. Raises :class:`StringSyntaxError`."""
    mark, body = literal[0], literal[1:-1]
    if mark == "`" or not _SPECIAL.search(body):
        return body
    data = bytearray()
    at = 0
    while (found := _SPECIAL.search(body, at)) is not None:
        data += body[at : found.start()].encode("utf-8", "surrogateescape")
        if found.group() == "\n":
            raise StringSyntaxError("unterminated quoted string")
        piece, at = _escape(body, found.start() + 1, mark)
        data += piece
    data += body[at:].encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "surrogateescape")


def _escape(body: str, at: int, mark: str) -> tuple[bytes, int]:
    if at >= len(body):
        raise StringSyntaxError("escape sequence not terminated")
    char = body[at]
    if char in _SIMPLE or char == mark:
        return _SIMPLE.get(char, char).encode(), at + 1
    if char in "01234567":
        return _numeric(body, at, 3, 8, single_byte=True)
    if char in _DIGITS:
        width, base = _DIGITS[char]
        return _numeric(body, at + 1, width, base, single_byte=char == "x")
    raise StringSyntaxError(f"unknown escape sequence {describe_character(char)}")


def _numeric(body: str, at: int, width: int, base: int, *, single_byte: bool) -> tuple[bytes, int]:
    digits = body[at : at + width]
    valid = "01234567" if base == 8 else "0123456789abcdefABCDEF"
    for char in digits:
        if char not in valid:
            raise StringSyntaxError(f"illegal character {describe_character(char)} in escape sequence")
    if len(digits) < width:
        raise StringSyntaxError("escape sequence not terminated")
    code = int(digits, base)
    if code > (0xFF if single_byte else 0x10FFFF) or (not single_byte and 0xD800 <= code < 0xE000):
        raise StringSyntaxError("escape sequence is an invalid Unicode code point")
    return bytes([code]) if single_byte else chr(code).encode(), at + width


def quote_go(text: str) -> str:
    """``text`` in double quotes as Go's ``%q`` prints it; the inverse of :func:`unquote`."""
    return '"' + _UNPRINTABLE.sub(_escaped, text) + '"'


def quote_character(char: str) -> str:
    """One character in single quotes as Go's ``%q`` prints it; a byte that is no UTF-8 as U+FFFD."""
    if char == "'":
        return r"'\''"
    known = "\ufffd" if "\ud800" <= char <= "\udfff" else char
    return f"'{_ESCAPED_RUNE.sub(_escaped, known)}'"


def _escaped(found: re.Match[str]) -> str:
    char = found.group()
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    if unicodedata.category(char)[0] in "LMNPS":
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
