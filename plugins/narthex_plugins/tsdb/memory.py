"""Arrays that cost nothing until they are written to, and grow without disturbing readers.

Open slabs are far larger than what is in use, so their memory comes straight from the kernel: pages that were never
written take no room, and dropping the array gives the rest back at once. (``malloc`` raises its threshold after the
first large ``free`` and then keeps such blocks.) Anonymous memory reads as zero.
"""

from __future__ import annotations

import mmap
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["grown", "zeros"]

_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_SMALL = 1 << 16

S = TypeVar("S", bound=np.generic)


def zeros(shape: tuple[int, ...], dtype: type[S]) -> NDArray[S]:
    """An array of zeros whose untouched pages take no memory; freed to the kernel with its last view."""
    size = prod(shape) * np.dtype(dtype).itemsize
    if size < _SMALL:
        return np.zeros(shape, dtype=dtype)
    return np.frombuffer(mmap.mmap(-1, size, flags=_PRIVATE), dtype=dtype).reshape(shape)


def grown(array: NDArray[Any], length: int, used: int | None = None) -> NDArray[Any]:
    """``array`` itself if its first axis has ``length``; else a copy of at least twice the size, zero beyond.

    Readers may go on with the old array: what was published in it stays as it was. ``used`` is how much of the first
    axis is worth copying.
    """
    have = len(array)
    if length <= have:
        return array
    bigger: NDArray[Any] = zeros((max(length, 2 * have), *array.shape[1:]), array.dtype.type)
    used = have if used is None else used
    bigger[:used] = array[:used]
    return bigger
