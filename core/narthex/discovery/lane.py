"""Where discoverers run: an event loop in a thread of its own, so that nothing they do can hold up a scrape.

Discoverers share a lane. A watchdog asks each lane for a sign of life; when one does not answer, the discoverer whose
code keeps the loop is found by the task that runs there: every task created on a lane belongs to the discoverer in
whose context it was created. What remains of a discoverer after its run is cancelled by the same bookkeeping.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from threading import Thread
from typing import Any, cast
from weakref import WeakKeyDictionary

from narthex.discovery.run import Run

__all__ = ["Lane", "ThreadLane"]

log = logging.getLogger(__name__)

_OWNER: contextvars.ContextVar[Run | None] = contextvars.ContextVar("narthex_discovery_owner", default=None)


class Lane:
    """Runs discoverers on a loop that somebody else drives. All methods may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.runs: set[Run] = set()
        """Who is to run here; kept by the supervisor."""

    def submit(self, run: Run) -> None:
        """Start a run as a named task."""
        self.runs.add(run)
        self._call(self._begin, run)

    def withdraw(self, run: Run) -> None:
        """Cancel a run; its ``done`` tells when it is over."""
        self.runs.discard(run)
        run.retire()
        self._call(run.stop)

    def close(self) -> None:
        """Nothing more is going to run here."""

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing runs there any more
            self.loop.call_soon_threadsafe(function, *args)

    def _begin(self, run: Run) -> None:
        context = contextvars.copy_context()
        context.run(_OWNER.set, run)
        run.is_guest = True
        coroutine = run.supervise()
        run.task = self.loop.create_task(coroutine, name=f"discovery {run.name}", context=context)
        run.task.add_done_callback(lambda _: self._ended(run))

    def _ended(self, run: Run) -> None:
        if not run.done.done():
            run.done.set_result(None)


class ThreadLane(Lane):
    """A lane with a loop and a daemon thread of its own; a discoverer that never gives back cannot hold the process."""

    def __init__(self, name: str) -> None:
        super().__init__(asyncio.new_event_loop())
        self.name = name
        self.asked: float | None = None
        """When the watchdog asked for a sign of life that has not come yet (monotonic seconds)."""
        self._owners: WeakKeyDictionary[asyncio.Task[Any], Run] = WeakKeyDictionary()
        self._closing = False
        self.loop.set_task_factory(cast("Any", self._make_task))
        self._thread = Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cancel what runs, then end loop and thread, as soon as the last task lets go."""
        self._call(self._wind_down)

    def join(self, seconds: float) -> bool:
        """Wait for the thread; returns whether it ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def answer(self) -> None:
        """The sign of life; runs on the lane."""
        self.asked = None

    def owner(self) -> Run | None:
        """Whose code runs at this moment; None where it is not in a task, or nothing runs."""
        task = asyncio.current_task(self.loop)
        return self._owners.get(task) if task is not None else None

    def stack(self) -> str:
        """Where the thread is, innermost call last, one line."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 -- the documented way
        if frame is None:
            return ""
        return " > ".join(f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_stack(frame)[-4:])

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            while not self._closing:
                try:
                    self.loop.run_forever()
                except BaseException as error:  # noqa: BLE001 -- SystemExit from a task or callback of a plugin
                    self._escaped(error)
        finally:
            self.loop.close()

    def _escaped(self, error: BaseException) -> None:
        """Asyncio lets ``SystemExit`` out of the loop; the loop is run again, and the culprit named."""
        for task, run in list(self._owners.items()):
            if task.done() and not task.cancelled() and task.exception() is error:
                run.report("exit", f"a task of its raised {type(error).__name__}: {error}")
                return
        log.warning("Discovery code left the event loop", extra={"err": repr(error), "lane": self.name})

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **how: Any) -> Any:
        context = how.get("context")
        owner = context.get(_OWNER) if context is not None else _OWNER.get()
        task = asyncio.Task(coro, loop=loop, **how)
        if owner is not None:
            self._owners[task] = owner
        return task

    def _begin(self, run: Run) -> None:
        super()._begin(run)
        run.leftovers = lambda: self._tasks_of(run)
        run.is_guest = False

    def _tasks_of(self, run: Run) -> list[asyncio.Task[object]]:
        return [one for one, owner in self._owners.items() if owner is run and one is not run.task and not one.done()]

    def _ended(self, run: Run) -> None:
        """Only when the last of its tasks has gone is a run over."""
        left = self._tasks_of(run)
        if not left:
            super()._ended(run)
            return
        ending = self.loop.create_task(_all(left), context=contextvars.Context())
        ending.add_done_callback(lambda _: self._ended(run))

    def _wind_down(self) -> None:
        tasks = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        for run in list(self.runs):
            run.stop()
        for task in tasks:
            task.cancel()
        self.loop.create_task(self._end(tasks), context=contextvars.Context())

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        await _all(tasks)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()
        self._closing = True
        self.loop.stop()


async def _all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks)
