"""The list of everything that holds rows: open slabs and sealed files.

Readers take the list once; it is replaced, never changed, so a slab that turns into a file is seen as one or the other.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import Frame

__all__ = ["Part", "Parts"]


class Part(Protocol):
    """Rows of one run of slots. Times are ms since the epoch."""

    min_time: int
    max_time: int
    columns: int

    def frames(self, refs: NDArray[np.int64], start: int, end: int) -> list[Frame]:
        """Frames of the samples of these series (ascending) in a window."""

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there is a column for them."""


class Parts:
    """All parts; changed by several threads, one at a time."""

    def __init__(self) -> None:
        self._parts: tuple[Part, ...] = ()
        self._lock = threading.Lock()

    def all(self) -> Sequence[Part]:
        """What there is now."""
        return self._parts

    def add(self, part: Part) -> None:
        """A part appears."""
        with self._lock:
            self._parts = (*self._parts, part)

    def replace(self, old: Part, new: Part | None) -> None:
        """A part turns into another, or goes away."""
        with self._lock:
            kept = [part for part in self._parts if part is not old]
            self._parts = (*kept, new) if new is not None else tuple(kept)
