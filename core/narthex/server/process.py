"""One server as a process: event loop, signals, exit status."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable

from narthex.errors import NarthexError
from narthex.options import ServerOptions
from narthex.plugins.host import PluginHost
from narthex.server.server import Server

__all__ = ["GARBAGE_THRESHOLDS", "SWITCH_SECONDS", "keep_freed_arrays", "run_server"]

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.001
"""How long a worker thread may hold the interpreter while others wait: a fifth of Python's default, so that a query in
pure Python delays a due scrape by at most a millisecond."""


GARBAGE_THRESHOLDS = (50_000, 50, 100)
"""Cycles are rare here and reference counting frees the rest, so the cyclic collector runs less often than by default:
it took 9 % of the processor with 200 targets of 1,000 series at 1 s."""


_ALLOCATOR = {-3: 4 << 20, -1: 64 << 20, -8: 4}
"""glibc's ``mallopt``: M_MMAP_THRESHOLD and M_TRIM_THRESHOLD in bytes, M_ARENA_MAX.

A query makes and frees arrays of a megabyte or two by the dozen. By default each is given back to the kernel at once
and fetched again page by page: 4,200 page faults for one rate over 4,000 series, and 16 with these settings. Slabs are
larger than 4 MB and still go back when they are sealed; what the few arenas keep is bounded.
"""


def keep_freed_arrays() -> None:
    """Apply these settings where the C library knows them."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _ALLOCATOR.items():
            mallopt(option, value)


def run_server(options: ServerOptions, host: PluginHost) -> int:
    """Run until a signal. Raises ``ConfigError`` when the first configuration cannot be used."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    keep_freed_arrays()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(options, host))


async def _serve(options: ServerOptions, host: PluginHost) -> int:
    server = Server(options, host)
    stop = server.quit_requested
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(server), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await _until_stopped(server, stop)
    finally:
        log.info("Stopping")
        await server.stop()
    log.info("See you next time!")
    return 0


async def _until_stopped(server: Server, stop: asyncio.Event) -> None:
    """Start, and wait; a signal breaks off even a start that recovers a large storage. Raises what the start raises."""
    starting, stopping = asyncio.create_task(server.start()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)


async def _reload(server: Server) -> None:
    try:
        await server.reload()
    except NarthexError:
        log.debug("Reload failed", exc_info=True)  # the server has logged the reason and keeps it for the API


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where the extra is installed: it takes about a fifth off the cost of a scrape."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
