"""Forgetting series that have no sample left in the head (blocks know them by their labels).

A series is kept while an open lane has it, while anything in the head holds samples of it, and for two hours after it
was last registered or appended to: scrape loops keep references of samples that carry old timestamps.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.tsdb.memory import grown

__all__ = ["Usage"]

Ints = NDArray[np.int64]

_MINUTE = 60_000
_KEPT = 120
"""Minutes that a reference stays valid without a lane and without samples."""


class Usage:
    """When each reference was last used."""

    def __init__(self) -> None:
        self._seen: NDArray[np.int32] = np.zeros(1024, dtype=np.int32)

    def touch(self, refs: Ints, now: int) -> None:
        """The references were used at ``now`` (ms)."""
        if len(refs):
            self._seen = grown(self._seen, int(refs.max()) + 1)
            self._seen[refs] = now // _MINUTE

    def dead(self, refs: Ints, held: Iterable[NDArray[np.bool_]], lanes: Iterable[Ints], now: int) -> Ints:
        """Which of the series (ascending) may be forgotten.

        ``held`` tells by reference what holds samples, ``lanes`` are the series of the open lanes.
        """
        count = int(refs[-1]) + 1 if len(refs) else 0
        used = np.zeros(count, dtype=np.bool_)
        for flags in held:
            used |= flags[:count]
        for own in lanes:
            used[own[own < count]] = True
        self._seen = grown(self._seen, count)
        used |= self._seen[:count] > now // _MINUTE - _KEPT
        found: Ints = refs[~used[refs]]
        return found
