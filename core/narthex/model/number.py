"""Numbers as Prometheus writes them: shortest text that reads back the same, ``+Inf``, ``-Inf``, ``NaN``.

Go switches to exponents below 1e-6 and from 1e21 on, Python's ``repr`` below 1e-4 and from 1e16 on; everything else
agrees, because both print the shortest digits.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["format_value", "value_texts"]


def format_value(value: float) -> str:
    """One sample value as the HTTP API writes it (reference §6.1)."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    if "e" in text and 1e-6 <= abs(value) < 1e21:
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
