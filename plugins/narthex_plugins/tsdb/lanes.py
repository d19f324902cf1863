"""Lanes, and which lane a series belongs to.

A series has at most one open lane. When two targets expose the same series, the lane that came first owns it, and the
other one's cells for it take the general path (:mod:`.points`), sample by sample. An owner that closes gives its series
up; the other lane finds out at its next row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex_plugins.tsdb.memory import grown
from narthex_plugins.tsdb.slab import Placement, Slab

__all__ = ["Owners", "TsdbLane"]

Ints = NDArray[np.int64]


class Owners:
    """The open lanes by number, and the number of the owner of each series."""

    def __init__(self) -> None:
        self.lanes: dict[int, TsdbLane] = {}
        self._next = 1
        self._owner: NDArray[np.int32] = np.zeros(1024, dtype=np.int32)

    def enter(self, lane: TsdbLane) -> int:
        """Number a new lane."""
        number = self._next
        self._next += 1
        self.lanes[number] = lane
        return number

    def claim(self, number: int, refs: Ints) -> NDArray[np.bool_]:
        """Make the lane the owner of the series that are free; returns which ones. Of repeats the first counts."""
        if not len(refs):
            return np.zeros(0, dtype=np.bool_)
        self._owner = grown(self._owner, int(refs.max()) + 1)
        claimed = np.zeros(len(refs), dtype=np.bool_)
        claimed[np.unique(refs, return_index=True)[1]] = True
        claimed &= self._owner[refs] == 0
        self._owner[refs[claimed]] = number
        return claimed

    def of(self, refs: Ints) -> Ints:
        """The number of each series' lane, 0 without one."""
        self._owner = grown(self._owner, int(refs.max(initial=0)) + 1)
        return self._owner[refs].astype(np.int64)

    def release(self, number: int, refs: Ints) -> None:
        """The lane is closed: its series are free."""
        del self.lanes[number]
        mine = refs[self._owner[refs] == number]
        self._owner[mine] = 0


class TsdbLane:
    """The writer of one target's or rule's rows; see :class:`narthex.storage.protocol.Lane`."""

    def __init__(self, interval: int, phase: int, owners: Owners, closed: Callable[[TsdbLane], None]) -> None:
        self.interval = interval
        self.phase = phase
        self.refs: Ints = np.zeros(0, dtype=np.int64)
        self.foreign: Ints = np.zeros(0, dtype=np.int64)
        """Columns whose series belongs to another lane."""
        self.last = 0
        """Timestamp of the newest row."""
        self.open = True
        self.places: list[Placement] = []
        """Where the lane stands in the slabs that take rows, the newest first."""
        self._owners = owners
        self._closed = closed
        self.number = owners.enter(self)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.refs)

    def extend(self, refs: Ints) -> None:
        """Add columns for these series, after the existing ones. Raises ``StorageError`` when the lane is closed."""
        if not self.open:
            raise StorageError("the lane is closed")
        refs = np.asarray(refs, dtype=np.int64)
        claimed = self._owners.claim(self.number, refs)
        self.foreign = np.concatenate([self.foreign, self.width + np.flatnonzero(~claimed)])
        self.refs = np.concatenate([self.refs, refs])

    def close(self) -> None:
        """No more rows will come. Idempotent."""
        if not self.open:
            return
        self.open = False
        self.places.clear()
        self._owners.release(self.number, self.refs)
        self._closed(self)

    def reclaim(self) -> None:
        """Take over the foreign columns whose owner has closed."""
        if len(self.foreign):
            self.foreign = self.foreign[~self._owners.claim(self.number, self.refs[self.foreign])]

    def forget(self, slab: Slab) -> None:
        """The slab is full; what still points to it would keep its memory."""
        self.places = [place for place in self.places if place.slab is not slab]
