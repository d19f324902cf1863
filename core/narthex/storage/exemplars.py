"""Exemplars: a bounded memory of examples behind samples, such as the trace of one slow request.

They are worth most while they are fresh, so they live in memory only, beside whatever storage there is: a ring, in
which new ones take the place of the oldest of all (``storage.exemplars.max_exemplars``).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher

__all__ = ["ExemplarRing", "StoredExemplar"]

LONGEST = 128
"""Characters that the names and values of an exemplar's labels may have together (OpenMetrics)."""


@dataclass(frozen=True, slots=True)
class StoredExemplar:
    """An example: labels of its own, the observed value, and when, in ms since the epoch."""

    labels: Labels
    value: float
    time: int


class ExemplarRing:
    """The newest ``capacity`` exemplars. The event loop adds; any thread may read."""

    def __init__(self, capacity: int) -> None:
        self._capacity = max(0, capacity)
        self._order: deque[Labels] = deque()
        self._series: dict[Labels, deque[StoredExemplar]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._order)

    def resize(self, capacity: int) -> None:
        """Keep so many from now on; 0 keeps none."""
        with self._lock:
            self._capacity = max(0, capacity)
            self._drop_beyond()

    def add(self, series: Labels, exemplar: StoredExemplar) -> bool:
        """Keep an exemplar of a series; one that is there already, or has labels that are too long, is left out.

        False when it is out of order: older than the newest of its series, or another of the same time.
        """
        if sum(len(name) + len(value) for name, value in exemplar.labels.items()) > LONGEST:
            return True
        with self._lock:
            kept = self._series.get(series)
            if kept:
                newest = kept[-1]
                if exemplar == newest:
                    return True
                if exemplar.time < newest.time or (exemplar.time == newest.time and exemplar.value == newest.value):
                    return False
            if self._capacity:
                self._series.setdefault(series, deque()).append(exemplar)
                self._order.append(series)
                self._drop_beyond()
        return True

    def _drop_beyond(self) -> None:
        while len(self._order) > self._capacity:
            series = self._order.popleft()
            kept = self._series[series]
            kept.popleft()  # of one series, the oldest came first
            if not kept:
                del self._series[series]

    def select(
        self, matchers: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> list[tuple[Labels, list[StoredExemplar]]]:
        """Exemplars of ``start`` <= t <= ``end`` (ms) by series, sorted, for series that satisfy any matcher set."""
        with self._lock:
            held = [(series, tuple(kept)) for series, kept in self._series.items()]
        found = []
        for series, kept in sorted(held, key=lambda one: one[0]):
            if any(all(one.matches(series.get_or_empty(one.name)) for one in some) for some in matchers):
                inside = [one for one in kept if start <= one.time <= end]
                if inside:
                    found.append((series, inside))
        return found
