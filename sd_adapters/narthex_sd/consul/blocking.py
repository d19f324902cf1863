"""Following one query: ask, let Consul hold it until something changes, ask again.

The rules for the index are Consul's own ("Blocking queries" in its API documentation): an index that goes backwards, as
it does when a server is restored or another one answers, starts over from 0; one that is not positive is no index.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from narthex.clock import Clock
from narthex.errors import DiscoveryError
from narthex_sd.consul.api import Answer

__all__ = ["RETRY", "Spacing", "follow", "next_index"]

RETRY = 15.0
"""Seconds to wait after a failure."""
_BURST = 30
_GAP = 1.0


def next_index(asked: int, answered: int) -> int:
    """The index to ask with next, after asking with ``asked`` and being answered ``answered``."""
    return 0 if answered < asked else max(1, answered)


class Spacing:
    """One turn in ``interval`` seconds on average, but up to thirty may follow each other, a second apart.

    Prometheus waits for the interval after every answer but those that were long in coming, so whatever changes right
    after another change, or right after the start, is seen half a minute late. The allowance is for these; what changes
    all the time uses it up and is then asked for once in an interval, so the load on Consul stays what was configured.
    """

    def __init__(self, interval: float, clock: Clock) -> None:
        self._interval = interval
        self._gap = min(_GAP, interval)
        self._clock = clock
        self._last = clock.monotonic()
        self._regular = self._last + interval
        """When the next turn would be if turns had come at the interval (the "virtual scheduling" of GCRA)."""

    async def turn(self) -> None:
        """Wait for the next turn."""
        early = self._regular - (_BURST - 1) * self._interval
        await self._clock.sleep(max(self._last + self._gap, early) - self._clock.monotonic())
        self._last = self._clock.monotonic()
        self._regular = max(self._regular, self._last) + self._interval


async def follow(
    ask: Callable[[int], Awaitable[Answer]],
    take: Callable[[Any], None],
    failed: Callable[[DiscoveryError], None],
    spacing: Spacing,
    clock: Clock,
) -> None:
    """Ask for ever. ``take`` gets what is new; it may refuse an answer by raising ``DiscoveryError``.

    After a failure the query starts over from index 0: nobody knows what became of the server meanwhile, and one that
    was restored would hold a query with an index of its former life.
    """
    index = 0
    while True:
        try:
            answer = await ask(index)
            if answer.index != index or index == 0:
                take(answer.data)
        except DiscoveryError as error:
            failed(error)
            index = 0
            await clock.sleep(RETRY)
            continue
        index = next_index(index, answer.index)
        await spacing.turn()
