"""How many samples a histogram counts for where samples are limited or counted: as many floats as take its memory.

Prometheus takes a float sample for 16 bytes, and a histogram for what its Go struct takes with the time: 176 bytes, and
8 for each bucket, each custom bound, and each span of neighbouring buckets. Below functions that ask for count and sum
only it does not read the buckets, and a histogram counts for 11. The figures are kept as they are, so that a limit
means the same in both; a histogram takes about as much here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.value import Histogram

__all__ = ["BARE_SIZE", "sample_sizes"]

_FIXED, _ITEM, _FLOAT = 176, 8, 16

BARE_SIZE = _FIXED // _FLOAT
"""What a histogram without buckets counts for."""


def sample_sizes(histograms: Sequence[Histogram]) -> NDArray[np.int64]:
    """For how many float samples each histogram counts: int64."""
    known: dict[int, int] = {}  # by index array: samples of a series mostly share one
    sizes = np.empty(len(histograms), dtype=np.int64)
    for at, one in enumerate(histograms):
        items = len(one.bounds)
        for index in (one.positive.index, one.negative.index):
            found = known.get(id(index))
            if found is None:
                found = known[id(index)] = _items(index)
            items += found
        sizes[at] = items
    return (_FIXED + _ITEM * sizes) // _FLOAT


def _items(index: NDArray[np.int32]) -> int:
    """Buckets, and spans of neighbours among them."""
    return len(index) + 1 + int(np.count_nonzero(index[1:] != index[:-1] + 1)) if len(index) else 0
