"""Time as a value that is passed in, so that tests decide what time it is.

Two readings, because they answer different questions: ``now`` stamps samples (it may jump when the machine's clock is
set), ``monotonic`` measures waits (it never jumps). The fake for tests is :class:`narthex.testing.clock.FakeClock`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where a component gets the time from."""

    def now(self) -> float:
        """Wall-clock time in seconds since the Unix epoch."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait; not shorter than asked, and at once for zero or less."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Wall-clock time in seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait on the event loop. Not a coroutine around a coroutine: thousands of scrape loops wait here."""
        return asyncio.sleep(max(0.0, seconds))


_: Clock = SystemClock()
