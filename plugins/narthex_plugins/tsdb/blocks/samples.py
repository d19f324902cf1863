"""Samples of one series from several places as one run: where compaction cannot go by whole pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import is_missing
from narthex_plugins.tsdb.points import joined_starts

__all__ = ["Erased", "Intervals", "Samples", "inside", "numbered", "settled"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Intervals = Sequence[tuple[int, int]]
"""Spans of time, in ms, both ends inclusive."""

Erased = Mapping[int, Mapping[int, Intervals]]
"""What was deleted: by number of the file and hash of the series."""


Samples = tuple[Ints, Floats, Ints | None]
"""Times, values and start timestamps (None: all unknown) of one series."""


def inside(times: Ints, intervals: Intervals) -> NDArray[np.bool_]:
    """Which of the times lie in any of the intervals."""
    found = np.zeros(times.shape, dtype=np.bool_)
    for start, end in intervals:
        found |= (times >= start) & (times <= end)
    return found


def settled(runs: Sequence[Samples]) -> Samples:
    """All samples in order of time; of those of one moment the one of the later run stays. ``MISSING`` is none."""
    times = np.concatenate([run[0] for run in runs])
    values = np.concatenate([run[1] for run in runs])
    starts = joined_starts([(run[2], len(run[0])) for run in runs])
    order = np.argsort(times, kind="stable")
    order = order[~is_missing(values[order])]
    times = times[order]
    last = np.ones(len(times), dtype=np.bool_)
    last[:-1] = times[1:] != times[:-1]
    order = order[last]
    return times[last], values[order], None if starts is None else starts[order]


def numbered(keys: Ints, limit: int) -> tuple[Ints, int]:
    """Equal keys (0 <= key < ``limit``) as small numbers, and how many of them there are."""
    if limit > 1 << 24:
        found, numbers = np.unique(keys, return_inverse=True)
        return numbers.reshape(-1).astype(np.int64), len(found)
    used = np.zeros(limit, dtype=np.bool_)
    used[keys] = True  # a flag for each key takes a tenth of the time of sorting them
    rank = np.cumsum(used) - 1
    return rank[keys], int(rank[-1]) + 1 if limit else 0
