"""The binary operators on numbers, for whole arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from narthex.promql.engine.vector import Bools, Floats

__all__ = ["ARITHMETIC", "COMPARISONS", "SET_OPERATORS", "TRIMS"]

_Arithmetic = Callable[[Any, Any], Floats]
_Comparison = Callable[[Any, Any], Bools]

ARITHMETIC: Mapping[str, _Arithmetic] = MappingProxyType(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "%": np.fmod,  # the sign of the dividend, as C and Go have it
        "^": np.power,
        "atan2": np.arctan2,
    }
)
"""Operators that make a new value and so take the metric name away."""

COMPARISONS: Mapping[str, _Comparison] = MappingProxyType(
    {
        "==": np.equal,
        "!=": np.not_equal,
        ">": np.greater,
        "<": np.less,
        ">=": np.greater_equal,
        "<=": np.less_equal,
    }
)
"""Operators that keep or drop samples, or with ``bool`` give 1 or 0."""

TRIMS = frozenset({"</", ">/"})
"""Operators that cut a native histogram at a number; between numbers they give nothing."""

SET_OPERATORS = frozenset({"and", "or", "unless"})
"""Operators on series, whatever their values."""
