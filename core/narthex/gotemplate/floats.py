"""Print floats as Go does: ``+Inf``, ``NaN``, the shortest text that reads back, an exponent from ``1e+06`` on."""

from __future__ import annotations

import math
import re

__all__ = ["format_float", "shortest"]

_EXPONENT = re.compile(r"e([+-])(\d+)$")


def shortest(value: float) -> str:
    """Go's ``%v``: as many digits as read back the same; with an exponent from 1e+06 on and below 1e-04."""
    if not math.isfinite(value):
        return _special(value)
    digits, exponent = _decimal(abs(value))
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if exponent < -4 or exponent >= 6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{exponent:+03d}"
    return sign + _plain(digits, exponent)


def format_float(value: float, verb: str, precision: int | None, *, alternate: bool = False) -> str:
    """One of Go's verbs ``e E f F g G x X``; without a precision, the verb's default."""
    if not math.isfinite(value):
        return _special(value)
    if verb in "xX":
        return _hexadecimal(value, verb, precision)
    if precision is None:
        if verb in "gG":
            text = shortest(value)
            return text.upper() if verb == "G" else text
        precision = 6
    return f"%{'#' if alternate else ''}.{precision}{verb.replace('F', 'f')}" % value


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


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


def _hexadecimal(value: float, verb: str, precision: int | None) -> str:
    mantissa, _, exponent = value.hex().partition("p")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0") if precision is None else fraction.ljust(precision, "0")[:precision]
    text = f"{whole}{'.' if fraction else ''}{fraction}p{int(exponent):+03d}"
    return text.upper() if verb == "X" else text
