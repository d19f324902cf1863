"""Metric and label names for readers that know the legacy alphabet only: Prometheus's escaping schemes, and back.

The schemes are those of ``metric_name_escaping_scheme``: ``underscores`` loses what it replaces, ``dots`` keeps dots
apart, ``values`` keeps everything as hexadecimal code points behind ``U__``.
"""

from __future__ import annotations

import re

from narthex.config.names import is_metric_name

__all__ = ["escape_name", "unescape_values"]

_LETTERS = re.compile(r"[a-zA-Z_:]")
_PREFIX = "U__"
_CODE = re.compile(r"_(?:(_)|([0-9a-fA-F]{1,6})_)")


def escape_name(name: str, scheme: str) -> str:
    """``name`` under ``allow-utf-8``, ``underscores``, ``dots`` or ``values``. Raises ``ValueError`` for another."""
    if scheme == "allow-utf-8" or not name:
        return name
    if scheme == "dots":
        return "".join(_dots(char, first=not index) for index, char in enumerate(name))
    if scheme not in {"underscores", "values"}:
        raise ValueError(f"unknown escaping scheme {scheme!r}")
    if is_metric_name(name, legacy=True):
        return name
    if scheme == "underscores":
        return "".join(char if _allowed(char, first=not index) else "_" for index, char in enumerate(name))
    return _PREFIX + "".join(_value(char, first=not index) for index, char in enumerate(name))


def _allowed(char: str, *, first: bool) -> bool:
    return bool(_LETTERS.match(char)) or (not first and "0" <= char <= "9")


def _dots(char: str, *, first: bool) -> str:
    if char == "_":
        return "__"
    if char == ".":
        return "_dot_"
    return char if _allowed(char, first=first) else "__"


def _value(char: str, *, first: bool) -> str:
    if char == "_":
        return "__"
    return char if _allowed(char, first=first) else f"_{ord(char):x}_"


def unescape_values(name: str) -> str:
    """What ``values`` made ``name`` of; malformed text comes back unchanged."""
    if not name.startswith(_PREFIX):
        return name
    result, at = [], len(_PREFIX)
    while at < len(name):
        if name[at] != "_":
            result.append(name[at])
            at += 1
            continue
        match = _CODE.match(name, at)
        if match is None:
            return name
        code = int(match[2], 16) if match[2] else ord("_")
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            return name
        result.append(chr(code))
        at = match.end()
    return "".join(result)
