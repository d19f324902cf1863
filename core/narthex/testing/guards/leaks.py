"""Notices what is left over: tasks when their loop ends, threads and sockets after a test.

Nothing is judged before it had its chance: a task may run on for a few turns of its loop, a thread has a few
seconds to end. A socket that nobody refers to any more is a leak all the same: when it will be closed, nobody can tell.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from narthex.testing.guards.blocking import WATCHER
from narthex.testing.guards.finding import Finding

__all__ = ["SocketGuard", "TaskGuard", "ThreadGuard", "left_threads", "task_title"]

_POOLS = ("asyncio_", "AnyIO worker thread", "ThreadPoolExecutor", WATCHER)
"""Threads of executors that idle until their owner ends, and the guards' own."""

_TURNS = 20
_SECONDS = 10.0
_DESCRIPTORS = Path("/proc/self/fd")


class TaskGuard:
    """Looks at the tasks of each ``asyncio.Runner`` (so of ``asyncio.run`` and pytest-asyncio) just before it closes.

    The runner would cancel them without a word.
    """

    @contextmanager
    def watch(self, found: list[Finding]) -> Iterator[None]:
        """Look at every runner that closes while the block runs."""
        original = asyncio.Runner.close

        def close(runner: asyncio.Runner) -> None:
            with suppress(RuntimeError):  # closed already
                loop = runner.get_loop()
                if not loop.is_running():
                    found.extend(Finding("tasks", f"{one} was left running") for one in _left_tasks(runner, loop))
            original(runner)

        setattr(asyncio.Runner, "close", close)  # noqa: B010 -- assigning to a method is no assignment to mypy
        try:
            yield
        finally:
            setattr(asyncio.Runner, "close", original)  # noqa: B010


def _left_tasks(runner: asyncio.Runner, loop: asyncio.AbstractEventLoop) -> list[str]:
    if not any(not one.done() for one in asyncio.all_tasks(loop)):
        return []

    async def turn() -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    runner.run(turn())
    return sorted(task_title(one) for one in asyncio.all_tasks(loop) if not one.done())


def task_title(task: asyncio.Task[Any]) -> str:
    """A task's name, its coroutine, and where that waits."""
    coroutine: Any = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    frame = getattr(coroutine, "cr_frame", None)
    at = f" at {frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
    return f"task {task.get_name()!r} ({name}{at})"


class ThreadGuard:
    """Compares the threads before and after; one that still runs has ``seconds`` to end."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds

    @contextmanager
    def watch(self, found: list[Finding]) -> Iterator[None]:
        """Name the threads that the block leaves behind."""
        before = set(threading.enumerate())
        yield
        left = left_threads(before, self._seconds)
        found.extend(Finding("threads", f"thread {one.name!r} was left running") for one in left)


def left_threads(before: set[threading.Thread], seconds: float = _SECONDS) -> list[threading.Thread]:
    """Threads that were not there ``before`` and do not end within ``seconds``; idle ones of executors are none."""
    until = time.monotonic() + seconds
    left = [one for one in threading.enumerate() if one not in before and not one.name.startswith(_POOLS)]
    for one in left:
        one.join(max(0.0, until - time.monotonic()))
    return [one for one in left if one.is_alive()]


class SocketGuard:
    """Compares the open sockets before and after, by inode. Where there is no ``/proc`` it finds nothing."""

    @contextmanager
    def watch(self, found: list[Finding]) -> Iterator[None]:
        """Name the sockets that the block leaves open."""
        before = set(_sockets())
        yield
        left = {inode: _socket_title(number) for inode, number in _sockets().items() if inode not in before}
        if left:
            gc.collect()
            still = _sockets()
            for inode, title in left.items():
                how = "was left open" if inode in still else "was left to the garbage collector to close"
                found.append(Finding("sockets", f"{title} {how}"))


def _sockets() -> dict[str, int]:
    """The open sockets of this process: inode to descriptor."""
    found: dict[str, int] = {}
    if not _DESCRIPTORS.is_dir():
        return found
    for entry in os.listdir(_DESCRIPTORS):  # noqa: PTH208 -- names are all that is wanted, for every test
        with suppress(OSError):  # closed in between, such as the listing's own
            target = os.readlink(f"{_DESCRIPTORS}/{entry}")  # noqa: PTH115
            if target.startswith("socket:"):
                found[target] = int(entry)
    return found


def _socket_title(number: int) -> str:
    with suppress(OSError), closing(socket.socket(fileno=os.dup(number))) as one:
        ends = [_end(one.getsockname)]
        with suppress(OSError):
            ends.append(_end(one.getpeername))
        return (
            f"a {socket.SocketKind(one.type).name} {socket.AddressFamily(one.family).name} socket ({' → '.join(ends)})"
        )
    return f"socket {number}"


def _end(ask: Any) -> str:
    name = ask()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "unnamed")
