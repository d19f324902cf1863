"""Waiting for a condition, never for a time: the limit is generous, so that only a test which fails waits that long.

What another task, thread or process does cannot always tell when it is done; then it is asked again and again.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0
"""Seconds. A slow and busy machine gets there too."""


async def until(condition: Callable[[], Any], what: str = "the condition to come true") -> Any:
    """Wait until ``condition`` (which may be a coroutine function) gives something true, and return that."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert loop.time() < end, f"waited {PATIENCE:g} s for {what}"
        await asyncio.sleep(0.005)
