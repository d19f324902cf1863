"""Background work that must not end: the path from scrape to alert goes on whatever a single turn runs into."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from narthex.clock import Clock

__all__ = ["keep_running", "quietly"]

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds before work that ended unexpectedly begins again."""


async def keep_running(part: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run ``work`` again whenever it fails, until cancelled. What failed is a bug, and is logged as one."""
    while True:
        try:
            await work()
        except (Exception, SystemExit):  # a bug in one turn; the next turn gets its chance
            log.exception("A part of the server failed and starts again", extra={"part": part})
        await clock.sleep(PAUSE)


async def quietly(part: str, work: Awaitable[object]) -> None:
    """Await; what fails is logged, and the caller goes on, so that every other part stops too."""
    try:
        await work
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit):
        log.exception("A part of the server failed", extra={"part": part})
