"""Print floats as Go does: ``+Inf``, ``NaN``, the shortest text that reads back, an exponent from ``1e+06`` on."""

from __future__ import annotations

import math

from narthex.model.number import format_value, shortest

__all__ = ["format_float"]


def format_float(value: float, verb: str, precision: int | None, *, alternate: bool = False) -> str:
    """One of Go's verbs ``e E f F g G x X``; without a precision, the verb's default."""
    if not math.isfinite(value):
        return format_value(value)
    if verb in "xX":
        return _hexadecimal(value, verb, precision)
    if precision is None:
        if verb in "gG":
            text = shortest(value)
            return text.upper() if verb == "G" else text
        precision = 6
    return f"%{'#' if alternate else ''}.{precision}{verb.replace('F', 'f')}" % value


def _hexadecimal(value: float, verb: str, precision: int | None) -> str:
    mantissa, _, exponent = value.hex().partition("p")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0") if precision is None else fraction.ljust(precision, "0")[:precision]
    text = f"{whole}{'.' if fraction else ''}{fraction}p{int(exponent):+03d}"
    return text.upper() if verb == "X" else text
