"""Waiting with a limit, on the clock that is passed in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from narthex.clock import Clock

__all__ = ["Chores", "within"]


class Chores:
    """Tasks that run beside, by themselves, until they are done or all are stopped."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None], what: str) -> None:
        """Run it as a named task of the running loop."""
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self._name}: {what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel all, and wait until they have gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


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
