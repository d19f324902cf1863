"""Numbers as Prometheus writes and reads them: shortest text that reads back the same, ``+Inf``, ``-Inf``, ``NaN``.

Go switches to exponents below 1e-6 and from 1e21 on, Python's ``repr`` below 1e-4 and from 1e16 on; everything else
agrees, because both print the shortest digits. Go's ``%v`` is a third way: exponents from 1e+06 on.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["format_value", "parse_float", "plain_text", "shortest", "value_texts"]

_DIGITS, _HEX_DIGITS = "[0-9](?:_?[0-9])*", "[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEXADECIMAL = re.compile(rf"[+-]?0[xX]_?(?:{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}")
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE)


def parse_float(text: str) -> float:
    """A number as Go's ``strconv.ParseFloat`` reads it: decimal or hexadecimal, with underscores between digits.

    Raises ``ValueError`` in Go's words, also for what is too large.
    """
    if _DECIMAL.fullmatch(text):
        value = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            value = math.inf
    elif _SPECIAL.fullmatch(text):
        return float(text)
    else:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    if math.isinf(value):
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return value


def format_value(value: float) -> str:
    """One sample value as the HTTP API writes it (reference §6.1)."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    if "e" in text and 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def plain_text(value: float) -> str:
    """A number without exponent, in the fewest digits that read back the same, as PromQL prints it."""
    if not math.isfinite(value):
        return format_value(value)
    text = repr(float(value))
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def value_texts(values: NDArray[np.float64]) -> list[str]:
    """Each of many values (float64, one dimension) as :func:`format_value` would write it.

    orjson prints a whole array about four times faster than Python's ``repr`` prints its members; the few that it
    writes in another way (exponents, what is not finite) are written again one by one.
    """
    if not len(values):
        return []
    dump = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY).decode()[1:-1] + ","
    texts = dump.replace(".0,", ",").split(",")[:-1]
    if "e" in dump or "n" in dump:
        numbers = values.tolist()
        texts = [format_value(numbers[at]) if "e" in text or text == "null" else text for at, text in enumerate(texts)]
    return texts


def shortest(value: float) -> str:
    """Go's ``%v``: as many digits as read back the same; with an exponent from 1e+06 on and below 1e-04."""
    if not math.isfinite(value):
        return format_value(value)
    digits, exponent = _decimal(abs(value))
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if exponent < -4 or exponent >= 6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{exponent:+03d}"
    return sign + _plain(digits, exponent)


def _decimal(value: float) -> tuple[str, int]:
    """The shortest digits of a positive number, and the power of ten of the first one."""
    if value == 0:
        return "0", 0
    mantissa, _, exponent = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) + (len(whole) - 1 if whole != "0" else -(len(fraction) - len(fraction.lstrip("0"))) - 1)
    return digits.rstrip("0"), power


def _plain(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole
