"""Notices code that keeps an event loop: every callback is timed by the loop that runs it.

A thread looks at what runs too long and notes the place; so a finding names the frame that was busy, not only the
callback. A callback that took long because the machine was busy is no finding: either the thread saw it at work
during all of the limit, while it got its own turns in time, or the callback itself used that much of the processor.
Garbage collections are not counted: how long one takes depends on everything in the process, and late in a long run of
tests a full one can take a second, whoever happens to start it.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread, get_ident
from typing import Any

from narthex.testing.guards.finding import Finding, whereabouts

__all__ = ["WATCHER", "BlockingGuard"]

WATCHER = "narthex-testing-blocking"
"""The name of the guard's own thread."""

_LOOKS = 5  # in one limit


@dataclass(slots=True)
class _Call:
    """A callback that runs."""

    since: float
    used: float
    place: str = ""
    collecting: float = 0.0
    """Seconds of garbage collection meanwhile; ``collection`` is when the last one began."""
    collection: float = 0.0


@dataclass(slots=True)
class BlockingGuard:
    """``limit`` is in seconds of ``monotonic``."""

    limit: float
    monotonic: Callable[[], float] = time.monotonic
    _running: dict[int, _Call] = field(default_factory=dict)

    @contextmanager
    def watch(self, found: list[Finding]) -> Iterator[None]:
        """Time the callbacks of every loop, in every thread, while the block runs."""
        original = asyncio.Handle._run  # noqa: SLF001 -- there is no public place between a loop and its callbacks
        running, monotonic, limit = self._running, self.monotonic, self.limit

        def timed(handle: asyncio.Handle) -> Any:
            thread = get_ident()
            outer = running.get(thread)
            call = running[thread] = _Call(monotonic(), time.thread_time())
            try:
                return original(handle)
            finally:
                took = monotonic() - call.since - call.collecting
                if took > limit and (call.place or time.thread_time() - call.used - call.collecting > limit):
                    at = f", at {call.place}" if call.place else ""
                    found.append(Finding("blocking", f"{_title(handle)} kept the event loop for {took:.1f} s{at}"))
                if outer is None:
                    del running[thread]
                else:
                    running[thread] = outer

        stop = Event()
        watcher = Thread(target=self._look, args=(stop,), name=WATCHER, daemon=True)
        watcher.start()
        gc.callbacks.append(self._collects)
        setattr(asyncio.Handle, "_run", timed)  # noqa: B010 -- assigning to a method is no assignment to mypy
        try:
            yield
        finally:
            gc.callbacks.remove(self._collects)
            setattr(asyncio.Handle, "_run", original)  # noqa: B010
            stop.set()
            watcher.join()

    def _collects(self, phase: str, _info: dict[str, int]) -> None:
        """The collector starts or stops, in this thread."""
        call = self._running.get(get_ident())
        if call is None:
            return
        if phase == "start":
            call.collection = self.monotonic()
        else:
            call.collecting += self.monotonic() - call.collection

    def _look(self, stop: Event) -> None:
        period = self.limit / _LOOKS
        before = time.monotonic()
        while not stop.wait(period):
            now = time.monotonic()
            late = now - before > 2 * period
            before = now
            if late:
                continue
            for thread, call in list(self._running.items()):
                if not call.place and self.monotonic() - call.since - call.collecting > self.limit:
                    place = whereabouts(sys._current_frames().get(thread))  # noqa: SLF001 -- the documented way
                    call.place = place


def _title(handle: asyncio.Handle) -> str:
    """Whose callback it is: the task's name and coroutine, or the function."""
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        coroutine = owner.get_coro()
        return f"task {owner.get_name()!r} ({getattr(coroutine, '__qualname__', coroutine)})"
    return f"callback {getattr(callback, '__qualname__', None) or callback!r:.80}"
