"""What both line formats share: names, label lists, the labels that a float is written into.

The formats differ in where white space may stand, and in whether commas may be missing; a :class:`Grammar` holds the
two sets of expressions. All work is on bytes, decoded once a piece is known to be whole, so that text that is not
UTF-8 is refused where it stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from narthex.errors import ExpositionError
from narthex.kinds import ParseOptions
from narthex.scrape.exposition import number

__all__ = ["METRIC_TYPES", "NAME", "PLAIN", "Grammar", "State", "decode", "float_text", "in_range", "unquote"]

NAME = rb"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = rb"[a-zA-Z_][a-zA-Z0-9_]*"
_UNESCAPED = {b"\\\\": b"\\", b"\\n": b"\n", b'\\"': b'"'}
_ESCAPE = re.compile(rb'\\[\\n"]')

METRIC_TYPES = frozenset({"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"})


_FARTHEST = 1 << 62

PLAIN = ParseOptions()
"""Prometheus's defaults."""


class State:
    """The metadata in force at a line: what was said last, whichever family it was said of."""

    __slots__ = ("type", "unit")

    def __init__(self) -> None:
        self.type = "unknown"
        self.unit = ""


class Grammar:
    """Expressions for label lists: ``space`` is what may stand between tokens, ``text`` a character of a string."""

    def __init__(self, space: bytes, text: bytes, *, loose_commas: bool) -> None:
        quoted = rb'"(?:\\.|' + text + rb')*"'
        parts = {b"S": space, b"L": _LABEL, b"Q": quoted, b"N": NAME}
        self.loose_commas = loose_commas
        self.series = _compile(rb"(<N>)?<S>({)?", parts)
        """A sample's beginning: 1 is the metric name, 2 the brace."""
        self.meta_name = _compile(rb"(<N>)|(<Q>)", parts)
        self._pair = _compile(rb"<S>(?:(<L>)|(<Q>))<S>(?:=<S>(<Q>)<S>)?", parts)
        self._comma = _compile(rb",<S>", parts)
        self._close = _compile(rb"<S>}", parts)

    def labels(self, body: bytes, at: int, into: dict[str, str], *, names: bool) -> int:
        """Read labels from behind the brace into ``into``; the position behind the closing brace.

        With ``names``, a quoted string that stands alone is the metric name, and no label may stand twice; of an
        exemplar's labels the last one counts. Raises ``ExpositionError``.
        """
        while True:
            close = self._close.match(body, at)
            if close:
                return close.end()
            pair = self._pair.match(body, at)
            if pair is None:
                raise ExpositionError(f"expected a label name and value at {_near(body, at)}")
            self._take(pair, into, names=names)
            at = self._separator(body, pair.end(), forced=pair[3] is None)

    def _separator(self, body: bytes, at: int, *, forced: bool) -> int:
        comma = self._comma.match(body, at)
        if comma:
            return comma.end()
        if body[at : at + 1] != b"}" and (forced or not self.loose_commas):
            raise ExpositionError(f"expected a comma or closing brace at {_near(body, at)}")
        return at

    @staticmethod
    def _take(pair: re.Match[bytes], into: dict[str, str], *, names: bool) -> None:
        bare, quoted, value = pair.groups()
        if value is None:
            if not names or quoted is None:
                raise ExpositionError(f"expected an equal sign behind {_near(pair[0], 0)}")
            if "__name__" in into:
                raise ExpositionError("metric name given twice")
            into["__name__"] = unquote(quoted)
            return
        name = bare.decode() if bare is not None else unquote(quoted)
        if names and name in into:
            raise ExpositionError(f'duplicate label "{name}"')
        into[name] = unquote(value)


def _compile(pattern: bytes, parts: Mapping[bytes, bytes]) -> re.Pattern[bytes]:
    for short, expression in parts.items():
        pattern = pattern.replace(b"<" + short + b">", expression)
    return re.compile(pattern, re.DOTALL)


def unquote(quoted: bytes) -> str:
    r"""The text of a quoted string; ``\\``, ``\n`` and ``\"`` are escapes, any other backslash stands for itself."""
    inner = quoted[1:-1]
    if b"\\" in inner:
        inner = _ESCAPE.sub(lambda found: _UNESCAPED[found[0]], inner)
    return decode(inner)


def decode(text: bytes) -> str:
    """UTF-8 text. Raises ``ExpositionError`` for anything else."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise ExpositionError(f"invalid UTF-8 text: {text[:100]!r}") from None


def in_range(milliseconds: int) -> int:
    """A timestamp that fits 64 bits; one so far off is never stored, whatever it was."""
    return max(-_FARTHEST, min(_FARTHEST, milliseconds))


def float_text(value: str) -> str:
    """``le`` and ``quantile`` values as OpenMetrics writes them (``1`` -> ``1.0``); what is no number stays."""
    try:
        parsed = number(value.encode())
    except ExpositionError:
        return value
    if math.isnan(parsed):
        return "NaN"
    if math.isinf(parsed):
        return "+Inf" if parsed > 0 else "-Inf"
    return _go_float(parsed)


def _go_float(value: float) -> str:
    """Shortest digits, with an exponent below 1e-4 and from 1e6 on, as Go's ``%g`` has it; else a decimal point."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    power = len(text) - 1 + int(exponent)
    if not stripped or -4 <= power < 6:
        return repr(value)  # Python writes this range without an exponent, and always with a point
    mantissa = stripped[0] + ("." + stripped[1:] if stripped[1:] else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02}"


def _near(body: bytes, at: int) -> str:
    return repr(body[at : at + 40].split(b"\n", 1)[0].decode(errors="replace"))
