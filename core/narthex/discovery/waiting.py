"""Waiting with a limit, on the clock that is passed in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from narthex.clock import Clock

__all__ = ["within"]


async def within(clock: Clock, seconds: float | None, what: Coroutine[Any, Any, Any]) -> bool:
    """Wait for ``what`` at most so long (None: without limit), then cancel it. Returns whether it came to an end."""
    task = asyncio.ensure_future(what)
    limit = None if seconds is None else asyncio.ensure_future(clock.sleep(seconds))
    both = {task} if limit is None else {task, limit}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return task.done()
    finally:
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)
