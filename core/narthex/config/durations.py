"""Durations, sizes and whole numbers as Prometheus writes them (reference §1.1): text to integer and back.

A duration is ``0`` or integers with the units ``y w d h m s ms``, in this order, each at most once; a year has
365 days. A size is a number with a unit, in powers of 1024, or several of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

__all__ = ["duration_fault", "format_duration", "format_size", "parse_duration", "parse_integer", "parse_size"]

_UNITS = (
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
)
_PIECE = re.compile(r"([0-9]+)([^0-9]+)")
_PIECES = re.compile(rf"(?:{_PIECE.pattern})+")
_DURATION = re.compile("".join(f"(?:([0-9]+){unit})?" for unit, _ in _UNITS))
_PREFIXES = ("", "K", "M", "G", "T", "P", "E")
_SIZES = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_SIZE_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([KMGTPE]?)(?:(?<=[KMGTPE])i)?B")
_SIZE = re.compile(rf"\+?(?:{_SIZE_PART.pattern})+")
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)")
_WHOLE = re.compile(r"[-+]?[0-9]{1,19}(?:\.0*)?(?:[eE]\+?[0-9]{1,2})?")
_LARGEST_MS = ((1 << 63) - 1) // 1_000_000  # Go counts nanoseconds in 64 bits


def parse_duration(text: str, *, allow_negative: bool = False) -> int:
    """Milliseconds. Raises ``ValueError`` for anything but a duration, or one of more than about 292 years."""
    negative = allow_negative and text.startswith("-")
    body = text[1:] if negative else text
    if body == "0":
        return 0
    match = _DURATION.fullmatch(body)
    if match is None or not body:
        raise ValueError(f"expected a duration such as 30s or 1h30m, got {text!r}")
    total = sum(int(digits) * size for digits, (_, size) in zip(match.groups(), _UNITS, strict=True) if digits)
    if total > _LARGEST_MS:
        raise ValueError(f"duration {text!r} is out of range")
    return -total if negative else total


def duration_fault(text: str, quote: Callable[[str], str]) -> str:
    """What Prometheus says of a text that :func:`parse_duration` refuses; ``quote`` writes texts as Go does."""
    if not text:
        return "empty duration string"
    sizes, pieces = dict(_UNITS), _PIECE.findall(text) if _PIECES.fullmatch(text) else []
    for number, unit in pieces:
        if unit not in sizes:
            return f"unknown unit {quote(unit)} in duration {quote(text)}"
        if int(number) * sizes[unit] > _LARGEST_MS:
            return "duration out of range"
    return "duration out of range" if _DURATION.fullmatch(text) else f"not a valid duration string: {quote(text)}"


def format_duration(milliseconds: int) -> str:
    """The canonical text: years and weeks only where they are exact, so 90 days are ``90d``."""
    if milliseconds == 0:
        return "0s"
    rest, text = abs(milliseconds), "-" if milliseconds < 0 else ""
    for unit, size in _UNITS:
        if unit in {"y", "w"} and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text


def parse_size(text: str) -> int:
    """Bytes, of ``10MB``, ``10MiB``, ``1.5GB`` or ``1MB512KB``, all in powers of 1024; ``0`` needs no unit.

    Raises ``ValueError`` for anything else, and beyond 63 bits.
    """
    if text == "0":
        return 0
    if not _SIZE.fullmatch(text):
        raise ValueError(f"expected a size with a unit of {', '.join(_SIZES)}, such as 10MB, got {text!r}")
    parts = _SIZE_PART.findall(text)
    size = int(sum(Decimal(number) * (1 << 10 * _PREFIXES.index(prefix)) for number, prefix in parts))
    if size >= 1 << 63:
        raise ValueError(f"size {text!r} is out of range")
    return size


def format_size(size: int) -> str:
    """The text with the largest unit that divides ``size``."""
    power = 0
    while size and size % 1024 == 0 and power < len(_SIZES) - 1:
        size, power = size // 1024, power + 1
    return f"{size}{_SIZES[power]}"


def parse_integer(text: str) -> int:
    """A whole number in YAML's notations: decimal, ``0x``, ``0o`` or ``0``, ``0b``, with ``_``; ``1e3`` too.

    Raises ``ValueError`` saying what was expected.
    """
    if _INTEGER.fullmatch(text):
        digits = text.replace("_", "")
        body = digits.lstrip("+-").lower()
        octal = len(body) > 1 and body[0] == "0" and body[1] in "01234567"
        try:
            return int(digits, 8 if octal else 0)
        except ValueError:
            pass  # "0x_": a prefix without digits
    elif _WHOLE.fullmatch(text):
        return int(float(text))
    raise ValueError(f"expected a whole number, got {text!r}")
