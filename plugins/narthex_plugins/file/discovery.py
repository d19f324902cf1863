"""Watches directories and publishes what their files hold.

Watched are the directories that hold the files, not the files: a file that is replaced by renaming another over it
would be lost after the first time. So new files, atomic replacement and the ``..data`` links of Kubernetes are noticed
at once. Where watching fails, for want of inotify instances or because a directory does not exist yet, the files are
still read every ``refresh_interval``, and watching is tried again each time.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from watchfiles import awatch

from narthex.discovery.metrics import shared
from narthex.discovery.skipping import Skipping
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_plugins.file.config import FileConfig
from narthex_plugins.file.metrics import FileMetrics
from narthex_plugins.file.scan import Scan

__all__ = ["FileDiscoverer"]

# Milliseconds: how often the watcher looks for further events of one burst, and how long it collects them at most.
_STEP = 20
_DEBOUNCE = 100

_ABSENT = 5.0
"""Seconds between two looks for a directory that does not exist."""


class FileDiscoverer:
    """One ``file_sd_configs`` block."""

    def __init__(self, config: FileConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context
        self._metrics = shared(FileMetrics, context.registry)
        self._directories = sorted({os.path.dirname(pattern) or "." for pattern in config.files})  # noqa: PTH120
        self._watched: list[tuple[int, int] | None] = []
        self._failing = False

    async def run(self, publish: Publish) -> None:
        """Publish all files, then again whenever something happens in their directories."""
        context = self._context
        scan = Scan(self._config.files, self._metrics, context.log, Skipping(context), context.trouble)
        # Files may lie on a network: reading them must be able to hang without the event loop.
        reader = ThreadPoolExecutor(1, thread_name_prefix="file-discovery")
        try:
            while True:
                await self._follow(scan, publish, reader)
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            scan.close()

    async def _follow(self, scan: Scan, publish: Publish, reader: ThreadPoolExecutor) -> None:
        """Read and wait for as long as one watch is good."""
        loop, touched = asyncio.get_running_loop(), asyncio.Event()
        watching = loop.create_task(self._watch(touched), name=f"watch {self._context.name}")
        try:
            await asyncio.sleep(0)  # the watch stands before the files are read, so that no change is missed
            while True:
                touched.clear()
                groups = await loop.run_in_executor(reader, self._look, scan)
                if groups is not None:
                    publish(groups)
                await self._wait(touched)
                if not watching.done():
                    self._context.trouble("watching", "")
                if not self._is_current(watching):
                    return
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    def _look(self, scan: Scan) -> list[TargetGroup] | None:
        with self._metrics.scan_duration.time():
            return scan.look()

    async def _wait(self, touched: asyncio.Event) -> None:
        """Until something happens, at most the refresh interval; an absent directory is asked for more often."""
        interval = self._config.refresh_interval.seconds
        if None in self._watched:
            interval = min(interval, _ABSENT)
        waiting = asyncio.ensure_future(touched.wait())
        limit = asyncio.ensure_future(self._context.clock.sleep(interval))
        try:
            await asyncio.wait({waiting, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            limit.cancel()

    def _is_current(self, watching: asyncio.Task[None]) -> bool:
        """Whether the watch is on the directories that are there now; a new directory of the same name is another."""
        return not watching.done() and self._watched == [_identity(directory) for directory in self._directories]

    async def _watch(self, touched: asyncio.Event) -> None:
        """Set ``touched`` at every change. Returns, having counted why, when watching fails."""
        self._watched = [_identity(directory) for directory in self._directories]
        try:
            events = awatch(*self._directories, watch_filter=None, debounce=_DEBOUNCE, step=_STEP, recursive=False)
            async for _ in events:
                touched.set()
                self._failing = False
        except Exception as error:  # noqa: BLE001 -- OSError and errors of the watcher's own all mean the same
            self._metrics.watcher_errors.inc()
            if not self._failing:
                extra = {"err": str(error), "interval": str(self._config.refresh_interval)}
                self._context.log.warning("Directories cannot be watched; files are read by interval", extra=extra)
            self._failing = True
            self._context.trouble("watching", f"{error}; files are read every {self._config.refresh_interval}")


def _identity(directory: str) -> tuple[int, int] | None:
    try:
        found = os.stat(directory)  # noqa: PTH116 -- as configured, links followed
    except OSError:
        return None
    return found.st_dev, found.st_ino


_: type[Discoverer] = FileDiscoverer
