"""What a float64 in a sample column may mean besides a number.

Two NaN payloads carry meaning, so they are compared by bits, never by ``==``:

* ``STALE_NAN`` is Prometheus's staleness marker (0x7ff0000000000002): the series ended here.
* ``MISSING`` never leaves the columns: no sample stands in this cell. It is a quiet NaN with a payload of its own.

A NaN that a target really exposed is stored as ``NORMAL_NAN``, the payload Prometheus uses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MISSING",
    "MISSING_BITS",
    "NORMAL_NAN",
    "NORMAL_NAN_BITS",
    "STALE_NAN",
    "STALE_NAN_BITS",
    "is_missing",
    "is_stale",
]

STALE_NAN_BITS = 0x7FF0000000000002
NORMAL_NAN_BITS = 0x7FF8000000000001
MISSING_BITS = 0x7FF8000000004D49


def _float_of(bits: int) -> np.float64:
    value: np.float64 = np.array([bits], dtype=np.uint64).view(np.float64)[0]
    return value


# numpy scalars, not Python floats: a signalling NaN such as the stale marker must keep its bits when it is assigned.
STALE_NAN = _float_of(STALE_NAN_BITS)
NORMAL_NAN = _float_of(NORMAL_NAN_BITS)
MISSING = _float_of(MISSING_BITS)


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the array (any shape, float64) holds the staleness marker."""
    return np.asarray(values.view(np.int64) == STALE_NAN_BITS)


def is_missing(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the array (any shape, float64) holds no sample."""
    return np.asarray(values.view(np.int64) == MISSING_BITS)
