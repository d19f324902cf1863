"""Sealed slabs and points as parts of the database: the same frames as from open slabs, decoded when they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import Frame, Piece
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.located import Place
from narthex_plugins.tsdb.points import Run
from narthex_plugins.tsdb.slab import rows_of_window
from narthex_plugins.tsdb.slabcodes import KINDS, ColumnCodes, SlabCells

__all__ = ["PackedSlab", "SealedPoints", "SealedSlab", "columns_of"]

Ints = NDArray[np.int64]

_TABLE = 16
"""Entries of a table by reference for each series that a file has, at most."""


class SlabColumns:
    """A slab as it is written: ``refs`` ascending, and for each its group of times and how its column is coded."""

    layout = -1
    """Another one than any the open slab had."""

    def __init__(self, facts: Mapping[str, Any], arrays: Callable[[str], NDArray[Any]], names: Collection[str]) -> None:
        self.number = int(facts["number"])
        self.min_time = int(facts["min_time"])
        self.max_time = int(facts["max_time"])
        self.interval = int(facts["interval"])
        self.base = int(facts["base"])
        self.times: Ints = arrays("times")
        self.refs: NDArray[np.int32] = arrays("refs")
        self.group: NDArray[np.int32] = arrays("group")
        columns = {
            kind: ColumnCodes(arrays(f"codes.{kind}"), arrays(f"base.{kind}"), arrays(f"digits.{kind}"))
            for kind in KINDS
            if f"codes.{kind}" in names
        }
        self._cells = SlabCells(arrays("kind"), arrays("place"), columns, (0, len(self.times)))
        self.columns = len(self.refs)

    def places(self, refs: Ints) -> list[Place]:
        """Where these series (ascending) stand; always one place, which may be empty."""
        at, series = columns_of(refs, self.refs)
        return [Place.of(at, series, self.group[at], self.times.shape[1])]

    def frames(self, places: Sequence[Place], start: int, end: int) -> list[Frame]:
        """Frames of the samples in a window of the series that were looked up."""
        low, high = rows_of_window(start, end, self.interval, self.base, len(self.times))
        (place,) = places
        if low >= high or not len(place.columns):
            return []
        times = place.times(self.times[low:high])
        return [Frame(self._cells.rows(low, high), place.columns, place.series, times, place.group)]

    def pieces(self, places: Sequence[Place], start: int, end: int) -> list[Piece]:
        """The columns of those frames, one by one."""
        low, high = rows_of_window(start, end, self.interval, self.base, len(self.times))
        if low >= high:
            return []
        (place,) = places
        return [
            (series, self.times[low:high, lane], self._cells.column(column, low, high))
            for series, column, lane in place.each()
        ]

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there is a column for them."""
        flags = np.zeros(count, dtype=np.bool_)
        flags[self.refs[: np.searchsorted(self.refs, np.int32(count))]] = True
        return flags

    def cells(self, at: Ints) -> NDArray[np.float64]:
        """All rows of the columns at these places of ``refs``: float64 ``[rows, len(at)]``, a copy."""
        return self._cells.take(at)

    def top(self) -> int:
        """One more than the largest reference."""
        return 1 + (int(self.refs[-1]) if len(self.refs) else -1)


class SealedSlab(SlabColumns):
    """A slab's file, read through a memory map."""

    def __init__(self, file: ArrayFile) -> None:
        self.file = file
        super().__init__(file.facts, file.array, file.names)


class PackedSlab(SlabColumns):
    """A slab that waits in memory for a disk that takes it."""

    def __init__(self, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self.facts = facts
        self.arrays = arrays
        super().__init__(facts, arrays.__getitem__, arrays)

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(one.nbytes for one in self.arrays.values())


class SealedPoints(Run):
    """A file of points as a run."""

    in_memory = False

    def __init__(self, file: ArrayFile) -> None:
        self.file = file
        self.number = int(file.facts["number"])
        bounds = int(file.facts["min_time"]), int(file.facts["max_time"])
        starts = file.array("starts") if "starts" in file.names else None
        super().__init__(file.array("refs"), file.array("times"), file.array("values"), bounds, starts)

    def top(self) -> int:
        """One more than the largest reference."""
        return 1 + (int(self.refs[-1]) if len(self.refs) else -1)

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there are points for them."""
        flags = np.zeros(count, dtype=np.bool_)
        flags[self.refs[: np.searchsorted(self.refs, np.int32(count))]] = True
        return flags


def columns_of(refs: Ints, known: NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Where wanted series (ascending) stand in a sorted array that may repeat them: ``(index, place in refs)``."""
    if not len(refs) or not len(known):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    first, last = int(refs[0]), int(refs[-1])
    if last - first + 1 == len(refs):  # no gaps, such as everything: a subtraction finds the place
        low, high = np.searchsorted(known, np.array([first, last + 1], dtype=np.int32))
        return np.arange(low, high), known[low:high].astype(np.int64) - first
    if len(refs) * 8 > len(known) and int(known[-1]) < _TABLE * len(known):
        # A table of places: 40,000 of 200,000 series are looked up in a quarter of the time of a binary search.
        place = np.full(max(last, int(known[-1])) + 1, -1, dtype=np.int32)
        place[refs] = np.arange(len(refs), dtype=np.int32)
        found = place[known]
        index = np.flatnonzero(found >= 0)
        return index, found[index].astype(np.int64)
    wanted = refs.astype(known.dtype)  # of the same type, or searchsorted copies the whole of it
    lows = np.searchsorted(known, wanted, side="left")
    counts = np.searchsorted(known, wanted, side="right") - lows
    places = np.repeat(np.arange(len(refs)), counts)
    offsets = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    return lows[places] + offsets, places
