"""The functions of PromQL, each a frozen description with its vectorised code."""

from __future__ import annotations

from collections.abc import Mapping

from narthex.promql.engine.functions import (
    histogram,
    info,
    labels,
    math,
    native,
    overtime,
    rates,
    shape,
    time,
    trends,
)
from narthex.promql.engine.functions.registry import Function, table

__all__ = ["STANDARD"]

STANDARD: Mapping[str, Function] = table(
    (
        *math.FUNCTIONS,
        *time.FUNCTIONS,
        *rates.FUNCTIONS,
        *overtime.FUNCTIONS,
        *trends.FUNCTIONS,
        *labels.FUNCTIONS,
        *shape.FUNCTIONS,
        *histogram.FUNCTIONS,
        *native.FUNCTIONS,
        *info.FUNCTIONS,
    )
)
"""Every function that ships, by name."""
