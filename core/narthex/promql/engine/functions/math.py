"""Functions of single values: arithmetic, trigonometry, clamping, rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.promql.engine.functions.registry import Function, Invocation, of_values
from narthex.promql.engine.vector import Floats, Vector

__all__ = ["FUNCTIONS"]


def _greater(left: Floats, right: Floats) -> Floats:
    """The greater of two; +Inf wins over NaN, NaN over everything else (Go's ``math.Max``)."""
    result = np.maximum(left, right)
    if np.isnan(result).any():
        result = np.where(np.isposinf(left) | np.isposinf(right), np.inf, result)
    return np.asarray(result)


def _lesser(left: Floats, right: Floats) -> Floats:
    """The lesser of two; -Inf wins over NaN, NaN over everything else (Go's ``math.Min``)."""
    return -_greater(-left, -right)


_PLAIN: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda values: values * 180 / np.pi,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": lambda values: values * np.pi / 180,
    "sgn": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def _round(invocation: Invocation) -> Vector:
    """To the nearest multiple, halves upwards."""
    vector = invocation.numbers(0)
    # Divided by the inverse rather than multiplied: 1 / 0.1 is exactly 10, while 0.1 is not exactly a tenth.
    inverse = 1.0 / invocation.scalar(1, default=1.0)[:, None]
    values = np.floor(vector.values * inverse + 0.5) / inverse
    return vector.with_values(values).without_name(delayed=invocation.delayed)


def _clamp(invocation: Invocation) -> Vector:
    """Between two bounds; nothing at the steps where they cross."""
    vector = invocation.numbers(0)
    low, high = invocation.scalar(1)[:, None], invocation.scalar(2)[:, None]
    result = vector.with_values(_greater(low, _lesser(high, vector.values)))
    crossed = high < low
    if crossed.any():
        result = result.where(np.broadcast_to(~crossed, vector.values.shape))
    return result.without_name(delayed=invocation.delayed)


def _of_scalars(operation: Callable[[Floats, Floats], Floats]) -> Callable[[Invocation], Floats]:
    return lambda invocation: operation(invocation.scalar(0), invocation.scalar(1))


FUNCTIONS = (
    *(of_values(name, compute) for name, compute in _PLAIN.items()),
    Function("round", _round),
    Function("clamp", _clamp),
    of_values("clamp_min", _greater),
    of_values("clamp_max", _lesser),
    Function("pi", lambda invocation: np.full(invocation.steps.count, np.pi)),
    Function("max_of", _of_scalars(_greater)),
    Function("min_of", _of_scalars(_lesser)),
)
