"""The list of everything that holds rows: open slabs, sealed files, blocks.

Readers take the lists once; they are replaced together, never changed, so a slab that turns into a file, or files that
turn into a block, are seen as one or the other.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import Frame, Piece
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.located import Place

__all__ = ["Part", "Parts"]


class Part(Protocol):
    """Rows of one run of slots. Times are ms since the epoch."""

    min_time: int
    max_time: int
    columns: int
    number: int
    layout: int
    """Changes whenever series may have got columns, and when an open slab becomes a sealed one of that number."""

    def places(self, refs: NDArray[np.int64]) -> Sequence[Place]:
        """Where these series (ascending) stand; good as long as ``layout`` stays."""

    def frames(self, places: Sequence[Place], start: int, end: int) -> Sequence[Frame]:
        """Frames of the samples in a window of the series that were looked up."""

    def pieces(self, places: Sequence[Place], start: int, end: int) -> Sequence[Piece]:
        """The columns of those frames, one by one: the shorter way to few series."""

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there is a column for them."""


class Parts:
    """All parts of the head, and all blocks; changed by several threads, one at a time."""

    def __init__(self) -> None:
        self._now: tuple[tuple[Part, ...], tuple[Block, ...]] = ((), ())
        self._lock = threading.Lock()

    def all(self) -> Sequence[Part]:
        """The parts of the head."""
        return self._now[0]

    def blocks(self) -> Sequence[Block]:
        """The blocks."""
        return self._now[1]

    def both(self) -> tuple[Sequence[Part], Sequence[Block]]:
        """The parts of the head and the blocks at one moment."""
        return self._now

    def add(self, part: Part) -> None:
        """A part appears."""
        self.exchange((), (part,))

    def replace(self, old: Part, new: Part | None) -> None:
        """A part turns into another, or goes away."""
        self.exchange((old,), () if new is None else (new,))

    def exchange(self, old: Sequence[Part | Block], new: Sequence[Part] = (), blocks: Sequence[Block] = ()) -> None:
        """Some parts or blocks turn into others, or go away, all at once."""
        gone = {id(one) for one in old}
        with self._lock:
            parts, before = self._now
            self._now = (
                (*(one for one in parts if id(one) not in gone), *new),
                (*(one for one in before if id(one) not in gone), *blocks),
            )
