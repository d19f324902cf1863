"""A discoverer at work under the contract: run, run again after it failed, watched all the while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from narthex.clock import Clock
from narthex.kinds import Discoverer
from narthex.plugins.failure import describe
from narthex.testing.clock import FakeClock
from narthex.testing.discovery import Recorder
from narthex.testing.rule import Broken

__all__ = ["Life", "tick"]

_PAUSE = 0.01
_RETRY = 0.05  # as the supervisor does, only sooner
_FAKE_STEP = 0.5  # seconds of a fake clock that pass in one pause
_PAUSES = 10  # at least: on a busy machine a moment may be over before the discoverer had its turn


async def tick(clock: Clock) -> None:
    """Let time pass: a moment of the real one, and more of a fake clock."""
    await asyncio.sleep(_PAUSE)
    if isinstance(clock, FakeClock):
        await clock.advance(_FAKE_STEP)


class Life:
    """Runs a discoverer as a task; leaving the block cancels it. ``errors`` is what ``run`` raised, in order."""

    def __init__(self, discoverer: Discoverer, clock: Clock, *, seconds: float, grace: float) -> None:
        self.seen = Recorder()
        self.errors: list[BaseException] = []
        self.finished = False
        self._stopping = False
        self._discoverer = discoverer
        self._clock = clock
        self._seconds = seconds
        self._grace = grace
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._main(), name="the discoverer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        except Broken:
            if error is None:  # the first thing that went wrong is the one to tell
                raise

    async def _main(self) -> None:
        while True:
            try:
                await self._discoverer.run(self.seen)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                if self._stopping:
                    raise
                self.errors.append(error)
                await asyncio.sleep(_RETRY)
            else:
                self.finished = True
                return

    async def stop(self) -> None:
        """Cancel. Raises ``Broken`` where ``run`` does not return in the grace period, or raises."""
        task = self._task
        if task is None:
            return
        self._task, self._stopping = None, True
        task.cancel()
        stopped, _ = await asyncio.wait({task}, timeout=self._grace)
        if not stopped:
            raise Broken(f"run() did not return within {self._grace:g} s of its cancellation")
        if not task.cancelled() and (error := task.exception()) is not None:
            raise Broken(f"run() raised when it was cancelled: {describe(error)}")

    async def until(self, wanted: Callable[[Recorder], bool], what: str, *, tolerant: bool = False) -> None:
        """Wait for what is to be published. Raises ``Broken`` when it is not, or (if not tolerant) ``run`` raises."""
        loop = asyncio.get_running_loop()
        before, end = len(self.errors), loop.time() + self._seconds
        while not wanted(self.seen):
            if len(self.errors) > before and not tolerant:
                raise Broken(f"run() raised before it published {what}: {describe(self.errors[-1])}")
            if self.finished:
                raise Broken(f"run() returned before it published {what}")
            if loop.time() > end:
                last = f"; it last raised {describe(self.errors[-1])}" if self.errors else ""
                raise Broken(f"run() did not publish {what} within {self._seconds:g} s{last}")
            await tick(self._clock)

    async def first(self) -> None:
        """Wait for the first full set."""
        await self.until(lambda seen: bool(seen.published), "its first full set")

    async def failed_or_quiet(self, seconds: float, times: int = 1) -> None:
        """Wait until ``run`` has raised so many times, at most so long."""
        loop = asyncio.get_running_loop()
        before, end, pauses = len(self.errors), loop.time() + seconds, 0
        while len(self.errors) < before + times and (loop.time() < end or pauses < _PAUSES):
            await tick(self._clock)
            pauses += 1
