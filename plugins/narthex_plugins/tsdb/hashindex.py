"""From the hash of a label set to its series reference: open addressing in one int32 array.

A Python dict of 200,000 label sets takes 100 bytes and more for each; this takes about 7, and looks a whole batch up
with a handful of array operations. Hashes decide where to look, never whether two sets are equal: the caller passes
``same`` to compare candidates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.tsdb.memory import grown

__all__ = ["HashIndex"]

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Same = Callable[[Ints, Ints], NDArray[np.bool_]]

_FIRST = 1 << 10


class HashIndex:
    """References by 64-bit hash. References are not negative and are added once each."""

    def __init__(self) -> None:
        self._slots = np.zeros(_FIRST, dtype=np.int32)  # reference + 1, 0 is free
        self._hashes: Hashes = np.zeros(_FIRST, dtype=np.uint64)  # by reference
        self._used = 0

    def find(self, hashes: Hashes, same: Same) -> Ints:
        """The reference for each hash, or -1. ``same(refs, rows)`` tells which candidates are really equal."""
        found = np.full(len(hashes), -1, dtype=np.int64)
        rows = np.arange(len(hashes))
        table, own = self._slots, self._hashes  # both may be replaced meanwhile, by larger ones
        mask = len(table) - 1
        slots = (hashes & np.uint64(mask)).astype(np.int64)
        while len(rows):
            taken = table[slots]
            going = taken > 0  # a free slot ends the search
            rows, slots, candidates = rows[going], slots[going], taken[going].astype(np.int64) - 1
            hit = np.take(own, candidates, mode="clip") == hashes[rows]
            if hit.any():
                hit[hit] = same(candidates[hit], rows[hit])
                found[rows[hit]] = candidates[hit]
            rows, slots = rows[~hit], (slots[~hit] + 1) & mask
        return found

    def hashes(self, refs: Ints) -> Hashes:
        """The hashes of references that were added."""
        return self._hashes[refs]

    def add(self, hashes: Hashes, refs: Ints) -> None:
        """Put new references in; none of them is there yet."""
        if not len(refs):
            return
        self._hashes = grown(self._hashes, int(refs.max()) + 1)
        self._hashes[refs] = hashes
        if (self._used + len(refs)) * 10 > len(self._slots) * 6:
            self._rebuild(self._used + len(refs))
        self._placed(self._slots, hashes, refs)
        self._used += len(refs)

    def remove(self, refs: Ints) -> None:
        """Take references out; the table is made anew without them."""
        kept = self._slots[self._slots > 0].astype(np.int64) - 1
        kept = kept[~np.isin(kept, refs)]
        self._slots = self._placed(np.zeros(len(self._slots), dtype=np.int32), self._hashes[kept], kept)
        self._used = len(kept)

    def _rebuild(self, wanted: int) -> None:
        refs = self._slots[self._slots > 0].astype(np.int64) - 1
        size = len(self._slots)
        while wanted * 10 > size * 6:
            size *= 2
        self._slots = self._placed(np.zeros(size, dtype=np.int32), self._hashes[refs], refs)

    @staticmethod
    def _placed(table: NDArray[np.int32], hashes: Hashes, refs: Ints) -> NDArray[np.int32]:
        """Put references into the table."""
        mask = len(table) - 1
        slots = (hashes & np.uint64(mask)).astype(np.int64)
        while len(refs):
            free = table[slots] == 0
            table[slots[free]] = refs[free] + 1  # of several for one slot the last stays
            lost = table[slots] != refs + 1
            refs, slots = refs[lost], (slots[lost] + 1) & mask
        return table
