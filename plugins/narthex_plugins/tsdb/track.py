"""All rows of one interval: which slab a row goes to, and when a slab is full.

Two slabs may be open. The lanes do not reach a slot at the same moment, so when the first row of a new slab comes, some
rows of the old one's last slot are still to come; the old slab closes when the new one has reached its second slot.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.tsdb.blocks.plan import RANGE, range_of
from narthex_plugins.tsdb.journal import Journal
from narthex_plugins.tsdb.lanes import TsdbLane
from narthex_plugins.tsdb.slab import HEIGHT, Placement, Slab, slot_of

__all__ = ["Track"]

_STRAYS = 3
"""So many rows in a row must be far ahead of the slab before it is believed that time has jumped."""


class Track:
    """The open slabs of one interval."""

    def __init__(
        self, interval: int, journal: Journal, begin: Callable[[int, int, int], Slab], full: Callable[[Slab], None]
    ) -> None:
        """``begin(interval, base, columns)`` makes and publishes a slab; ``full`` takes one that gets no more rows."""
        self.interval = interval
        self.lanes: set[TsdbLane] = set()
        self.current: Slab | None = None
        self.previous: Slab | None = None
        self._journal = journal
        self._begin = begin
        self._full = full

    def write(self, lane: TsdbLane, timestamp: int, values: NDArray[np.float64]) -> bool:
        """Store a row, or return False when its slot is taken or no open slab covers it."""
        slot = slot_of(timestamp, self.interval, lane.phase)
        slab = self._slab(slot)
        if slab is None:
            return False
        places = lane.places
        place = places[0] if places and places[0].slab is slab else self._place(lane, slab)
        if place.width < lane.width:
            self._extend(lane, place)
        row = slot - slab.base
        if slab.times[row, place.group]:
            return False
        slab.write(place, row, timestamp, values)
        self._journal.row(slab, place.group, row, timestamp, values)
        return True

    def close(self) -> None:
        """Give up all open slabs."""
        for slab in (self.previous, self.current):
            if slab is not None:
                self._finish(slab)
        self.previous = self.current = None

    def idle(self, now: int) -> None:
        """Give up slabs that have seen no row for so long (two full heights) that none is to be expected."""
        newest = max((slab.max_time for slab in (self.previous, self.current) if slab is not None), default=now)
        if now - newest > 2 * HEIGHT * self.interval:
            self.close()

    def _slab(self, slot: int) -> Slab | None:
        slab = self.current
        if slab is None:
            return self._open(slot)
        row = slot - slab.base
        if row < 0:
            previous = self.previous
            return previous if previous is not None and 0 <= slot - previous.base < HEIGHT else None
        if row < slab.limit or (row <= slab.last_row):
            slab.strays = 0
            if row and self.previous is not None:
                self._finish(self.previous)
                self.previous = None
            return slab
        if row >= slab.limit + HEIGHT:
            # One lane with a wrong clock must not close the slab for all others; a real jump brings all lanes along.
            slab.strays += 1
            if slab.strays <= _STRAYS:
                return None
        return self._open(slot)

    def _open(self, slot: int) -> Slab:
        if self.previous is not None:
            self._finish(self.previous)
        self.previous = self.current
        columns = sum(lane.width + (lane.width >> 5) for lane in self.lanes)
        self.current = self._begin(self.interval, slot, columns)
        # A slab belongs to one block: it ends where the next two hours begin.
        self.current.most = max(1, -(-(range_of(slot * self.interval) + RANGE) // self.interval) - slot)
        return self.current

    def _finish(self, slab: Slab) -> None:
        for lane in self.lanes:
            lane.forget(slab)
        self._full(slab)

    def _place(self, lane: TsdbLane, slab: Slab) -> Placement:
        for place in lane.places:
            if place.slab is slab:
                return place
        place = slab.place(lane.refs)
        self._journal.layout(slab, place.group, lane.refs)
        lane.places.append(place)
        lane.places.sort(key=lambda one: -one.slab.base)
        return place

    def _extend(self, lane: TsdbLane, place: Placement) -> None:
        refs = lane.refs[place.width :]
        place.slab.extend(place, refs)
        self._journal.layout(place.slab, place.group, refs)
