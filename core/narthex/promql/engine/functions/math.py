"""Functions of single values: arithmetic, trigonometry, clamping, rounding."""

from __future__ import annotations

import numpy as np

from narthex.promql.engine.functions.registry import Function, Invocation, of_values
from narthex.promql.engine.vector import Floats, Vector

__all__ = ["FUNCTIONS"]

_PLAIN = {
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
    "deg": np.degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": np.radians,
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
    result = vector.with_values(np.maximum(low, np.minimum(high, vector.values)))
    crossed = high < low
    if crossed.any():
        result = result.where(np.broadcast_to(~crossed, vector.values.shape))
    return result.without_name(delayed=invocation.delayed)


def _extreme_of(operation: np.ufunc) -> Function:
    name = "max_of" if operation is np.maximum else "min_of"

    def apply(invocation: Invocation) -> Floats:
        return np.asarray(operation(invocation.scalar(0), invocation.scalar(1)))

    return Function(name, apply)


FUNCTIONS = (
    *(of_values(name, compute) for name, compute in _PLAIN.items()),
    Function("round", _round),
    Function("clamp", _clamp),
    of_values("clamp_min", np.maximum),
    of_values("clamp_max", np.minimum),
    Function("pi", lambda invocation: np.full(invocation.steps.count, np.pi)),
    _extreme_of(np.maximum),
    _extreme_of(np.minimum),
)
