"""Notices discovery code that keeps its event loop, and whose it is.

A thread asks every lane for a sign of life. One that does not answer in time is reported once, with the discoverer
whose task runs there and the place in its code; and once more when it answers again. A moment in which the watchdog
itself did not get to run (a busy machine, a long call that holds the interpreter) is nobody's fault and starts the
wait anew. Nor is it a discoverer's fault that a publish of 100,000 targets takes a second to be checked: that is our
own work, and has ten times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

from narthex.discovery.lane import ThreadLane
from narthex.discovery.run import Run

__all__ = ["Watchdog"]

OURS = 10
"""How many times the limit a publish may take; not for ever, since it reads what the discoverer hands over."""

Blocked = Callable[[ThreadLane, Run | None, str], None]
Answered = Callable[[ThreadLane], None]


class Watchdog:
    """Watches lanes. ``blocked`` and ``answered`` are called on the watchdog's thread and must return at once."""

    def __init__(
        self, limit: float, blocked: Blocked, answered: Answered, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._period = limit / 8
        self._blocked = blocked
        self._answered = answered
        self._monotonic = monotonic
        self._lanes: tuple[ThreadLane, ...] = ()
        self._reported: set[ThreadLane] = set()
        self._stop = Event()
        self._thread = Thread(target=self._main, name="discovery-watchdog", daemon=True)
        self._thread.start()

    def watch(self, lanes: tuple[ThreadLane, ...]) -> None:
        """From now on these lanes, and no others."""
        self._lanes = lanes
        self._reported.intersection_update(lanes)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(self._limit)

    def _main(self) -> None:
        before = self._monotonic()
        while not self._stop.wait(self._period):
            now = self._monotonic()
            late = now - before > 2 * self._period
            before = now
            for lane in self._lanes:
                self._look(lane, now, late=late)

    def _look(self, lane: ThreadLane, now: float, *, late: bool) -> None:
        if lane.asked is None:
            if lane in self._reported:
                self._reported.discard(lane)
                self._answered(lane)
            lane.asked = now
            try:
                lane.loop.call_soon_threadsafe(lane.answer)
            except RuntimeError:  # closed
                lane.asked = None
        elif late and lane not in self._reported:
            lane.asked = now
        elif now - lane.asked > self._limit and lane not in self._reported:
            owner = lane.owner()
            if owner is not None and owner.is_publishing and now - lane.asked <= OURS * self._limit:
                return
            self._reported.add(lane)
            self._blocked(lane, owner, lane.stack())
