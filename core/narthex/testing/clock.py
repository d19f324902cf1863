"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools

__all__ = ["FakeClock"]


class FakeClock:
    """Wall and monotonic time move together, only by :meth:`advance`."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._start = now
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Wall-clock seconds."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._now - self._start

    @property
    def sleepers(self) -> int:
        """How many tasks wait in :meth:`sleep`."""
        return sum(not future.done() for _, _, future in self._waiting)

    async def sleep(self, seconds: float) -> None:
        """Wait until :meth:`advance` has passed the moment."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._now + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking sleepers in order and letting each run before the next wakes."""
        until = self._now + seconds
        await settle()
        while self._waiting and self._waiting[0][0] <= until:
            at, _, future = heapq.heappop(self._waiting)
            self._now = max(self._now, at)
            if not future.done():
                future.set_result(None)
            await settle()
        self._now = until
        await settle()


async def settle(rounds: int = 20) -> None:
    """Let every task that is ready run, as far as it gets without waiting."""
    for _ in range(rounds):
        await asyncio.sleep(0)
