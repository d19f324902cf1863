"""Which lanes there are: one that discoverers share, and one for each that has to be kept apart."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

from narthex.discovery.lane import Lane, ThreadLane
from narthex.discovery.run import Run
from narthex.discovery.watchdog import Watchdog

__all__ = ["Lanes"]

_JOIN = 1.0
"""Seconds to wait at the end for threads whose discoverers have all let go; a few milliseconds is what it takes."""


class Lanes:
    """Makes lanes, closes them, and has them watched. ``blocked`` and ``answered`` are called on the main loop."""

    def __init__(
        self,
        name: str,
        block_limit: float,
        blocked: Callable[[ThreadLane, Run | None, str], None],
        answered: Callable[[ThreadLane], None],
        *,
        isolate: bool,
    ) -> None:
        self._name = name
        self._limit = block_limit
        self._blocked = blocked
        self._answered = answered
        self._isolate = isolate
        self._numbers = itertools.count()
        self._shared: Lane | None = None
        self._all: list[Lane] = []
        self._watchdog: Watchdog | None = None

    def shared(self) -> Lane:
        """The lane that well-behaved discoverers share."""
        if self._shared is None:
            self._shared = self.own() if self._isolate else Lane(asyncio.get_running_loop())
        return self._shared

    def own(self) -> ThreadLane:
        """A lane of its own for one discoverer."""
        lane = ThreadLane(f"discovery-{self._name}-{next(self._numbers)}")
        self._all.append(lane)
        self._watch()
        return lane

    def leave(self, lane: Lane) -> None:
        """Nobody new comes to this lane."""
        if lane is self._shared:
            self._shared = None

    def close_idle(self) -> None:
        """Close the lanes on which nobody is to run any more."""
        for lane in [lane for lane in self._all if lane is not self._shared and not lane.runs]:
            self._all.remove(lane)
            lane.close()
        self._watch()

    def close(self) -> None:
        """End everything; blocks for a moment, so call it from a worker thread. Lanes that are blocked stay behind."""
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None
        lanes, self._all, self._shared = self._all, [], None
        until = time.monotonic() + _JOIN
        for lane in lanes:
            lane.close()
        for lane in lanes:
            if isinstance(lane, ThreadLane):
                lane.join(max(0.0, until - time.monotonic()))

    def _watch(self) -> None:
        watched = tuple(lane for lane in self._all if isinstance(lane, ThreadLane))
        if watched and self._watchdog is None:
            loop = asyncio.get_running_loop()
            self._watchdog = Watchdog(
                self._limit,
                lambda *found: _on(loop, self._blocked, *found),
                lambda lane: _on(loop, self._answered, lane),
            )
        if self._watchdog is not None:
            self._watchdog.watch(watched)


def _on(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *args: object) -> None:
    """Call on the main loop from the watchdog's thread, if that loop still runs."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *args)
