"""The contract of a discoverer, as a check that the shipped adapters and every plugin author's tests call.

::

    async def test_contract(tmp_path):
        await check_discoverer(lambda context: CmdbDiscoverer(config, context), update=add_a_host, retract=remove_all)
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CollectorRegistry

from narthex.clock import Clock, SystemClock
from narthex.discovery.checks import checked
from narthex.kinds import BuildContext, Discoverer
from narthex.logs import NamedLog
from narthex.model.targetgroup import TargetGroup

__all__ = ["Recorder", "build_context", "check_discoverer"]

Change = Callable[[], Awaitable[None]]

_POOLS = ("asyncio_", "AnyIO worker thread")
"""Threads that belong to the event loop's own pools: they idle until it ends, and are nobody's leak."""


def build_context(
    name: str = "test/0", clock: Clock | None = None, registry: CollectorRegistry | None = None, job: str = "test"
) -> BuildContext:
    """A context to build one discoverer with: its own registry, the machine's clock, no data directory."""
    log = NamedLog(logging.getLogger("narthex.testing"), {"provider": name, "job": job})
    return BuildContext(name, clock or SystemClock(), log, registry or CollectorRegistry(), None, job=job)


class Recorder:
    """Takes what a discoverer publishes, checks it as the supervisor does, and knows the groups in force."""

    def __init__(self) -> None:
        self.groups: dict[str, TargetGroup] = {}
        """The groups in force by source; a retracted one is gone."""
        self.published: list[tuple[TargetGroup, ...]] = []
        """Every publish in order."""
        self._news = asyncio.Event()

    def __call__(self, groups: Sequence[TargetGroup]) -> None:
        """The ``publish`` that ``run`` takes. Raises ``DiscoveryError`` for what is no target group."""
        own = checked(groups)
        self.published.append(own)
        for group in own:
            if group.is_retraction:
                self.groups.pop(group.source, None)
            else:
                self.groups[group.source] = group
        self._news.set()

    async def until(self, wanted: Callable[[Recorder], bool], seconds: float = 10.0) -> None:
        """Wait until ``wanted(self)`` holds. Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while not wanted(self):
                self._news.clear()
                await self._news.wait()


async def check_discoverer(
    build: Callable[[BuildContext], Discoverer],
    *,
    update: Change | None = None,
    retract: Change | None = None,
    seconds: float = 10.0,
    grace: float = 2.0,
) -> Recorder:
    """Run a discoverer through its life and raise ``AssertionError`` for what it does wrong.

    It has to publish its full set within ``seconds``; the same after ``update``, which must change a group, and after
    ``retract``, which must take a source away; and on cancellation to return within ``grace`` seconds, leaving neither
    task nor thread behind. One that is finished after its first set may leave ``update`` and ``retract`` out.
    """
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    recorder = Recorder()
    task = asyncio.create_task(build(build_context()).run(recorder), name="the discoverer")
    try:
        await _first(task, recorder, seconds)
        await _changes(task, recorder, seconds, update, lambda before, now: now != before, "update")
        await _changes(
            task, recorder, seconds, retract, lambda before, now: bool(before.keys() - now.keys()), "retract"
        )
    finally:
        task.cancel()
        stopped, _ = await asyncio.wait({task}, timeout=grace)
    assert stopped, f"run() did not return within {grace} s of its cancellation"
    assert task.cancelled() or task.exception() is None, f"run() raised when cancelled: {task.exception()!r}"
    await _nothing_left(tasks, threads, grace)
    return recorder


async def _first(task: asyncio.Task[None], recorder: Recorder, seconds: float) -> None:
    await _published(task, recorder, seconds, lambda seen: bool(seen.published), "the first full set")
    sources = [group.source for group in recorder.published[0]]
    assert len(sources) == len(set(sources)), f"a source stands twice in the first set: {sorted(sources)}"


async def _changes(
    task: asyncio.Task[None],
    recorder: Recorder,
    seconds: float,
    change: Change | None,
    happened: Callable[[dict[str, TargetGroup], dict[str, TargetGroup]], bool],
    what: str,
) -> None:
    if change is None:
        return
    assert not task.done(), f"run() returned, so there can be no {what}"
    before = dict(recorder.groups)
    await change()
    await _published(task, recorder, seconds, lambda seen: happened(before, seen.groups), f"what {what} changed")


async def _published(
    task: asyncio.Task[None], recorder: Recorder, seconds: float, wanted: Callable[[Recorder], bool], what: str
) -> None:
    waiting = asyncio.create_task(recorder.until(wanted, seconds))
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done() and not task.cancelled() and task.exception() is not None:
        waiting.cancel()
        raise AssertionError(f"run() raised before it published {what}") from task.exception()
    if not wanted(recorder):
        await asyncio.wait({waiting})
    waiting.cancel()
    assert wanted(recorder), f"run() did not publish {what} within {seconds} s"


async def _nothing_left(tasks: set[asyncio.Task[object]], threads: set[threading.Thread], grace: float) -> None:
    clock = SystemClock()
    until = clock.monotonic() + grace
    while True:
        left = [task.get_name() for task in asyncio.all_tasks() - tasks if not task.done()]
        alive = [one.name for one in set(threading.enumerate()) - threads if not one.name.startswith(_POOLS)]
        if not left and not alive:
            return
        assert clock.monotonic() < until, f"left behind: tasks {left}, threads {alive}"
        await asyncio.sleep(0.01)
