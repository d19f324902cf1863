"""The write-ahead logs: what is not sealed yet, written down by a thread so that the event loop never waits for a disk.

The loop puts records on a queue, a call of less than a microsecond. One thread frames them with checksums and writes
them out every 200 ms, another syncs the files every second. So a killed process loses less than a second, and so does,
as a rule, a machine that loses power. There is a log for each open slab, one for points, and one for series; a log goes
away when what it covers is sealed.

A disk that is full or read-only must not stop scraping and alerting: the first failure is logged, the rest counted, the
records are kept for the next attempt up to a limit, and a log that lost records takes no more.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import Points
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.durable import replace_file
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.series import NewSeries
from narthex_plugins.tsdb.slab import Slab

__all__ = ["Log", "WriteAheadLog"]

WRITE_EVERY = 0.2
SYNC_EVERY = 1.0

_MOST_WAITING = 32 << 20
"""Bytes a log may hold back while the disk refuses them."""


class Log:
    """One file that only grows. A failed write is undone, so the file always ends with a whole record."""

    def __init__(self, path: Path, *, essential: bool = False) -> None:
        self.path = path
        self.essential = essential
        self.closed = False
        self.lost = False
        self.dirty = False
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._size = path.stat().st_size if path.exists() else 0
        self._fd = -1

    def put(self, payload: bytes) -> None:
        """Add a record to what is written next."""
        if self.closed or self.lost:
            return
        record = records.frame(payload)
        self._waiting.append(record)
        self._bytes += len(record)

    def write(self) -> None:
        """Hand everything that waits to the kernel. Raises ``OSError``, and keeps it, when that fails."""
        if not self._waiting:
            return
        data = memoryview(b"".join(self._waiting))
        try:
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            done = 0
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            if self._bytes > _MOST_WAITING and not self.essential:
                self.lost = True
                self._clear()
            raise
        self._size += len(data)
        self.dirty = True
        self._clear()

    def rewrite(self, payload: bytes) -> None:
        """Begin the file anew with this record. Raises ``OSError``; then the old file goes on."""
        self.write()
        data = records.frame(payload)
        replace_file(self.path, data)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._size = len(data)

    def sync(self) -> None:
        """Make what was written durable. Raises ``OSError``."""
        if self.dirty and self._fd >= 0:
            self.dirty = False  # before, because a write may come while the sync goes on
            try:
                os.fsync(self._fd)
            except OSError:
                self.dirty = True
                raise

    def close(self) -> None:
        """Take no more records."""
        self.closed = True
        self._clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0


class WriteAheadLog:
    """All logs of a directory, and the threads that write them."""

    def __init__(self, directory: Path, metrics: TsdbMetrics, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._directory = directory
        self._metrics = metrics
        self._log = log
        # Records as functions that make the payload, so that encoding too happens in the thread.
        self._queue: deque[tuple[Log, Callable[[], bytes]]] = deque()
        self._series = Log(directory / "series.log", essential=True)
        self._open: dict[int, Log] = {}  # logs of slabs and of points; numbers are never used twice
        self._points = -1
        self._all_series: Callable[[], NewSeries] | None = None
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures = 0

    # --- from the event loop -----------------------------------------------------------------------------------------

    def series(self, new: NewSeries) -> None:
        """Series were registered."""
        self._queue.append((self._series, lambda: records.series_payload(new)))

    def rewrite_series(self, everything: Callable[[], NewSeries]) -> None:
        """Series were forgotten: the log of series may begin anew with what ``everything`` gives, in a thread."""
        self._all_series = everything

    def begin_slab(self, slab: Slab) -> None:
        """A slab was opened."""
        log = self._open[slab.number] = Log(self._directory / f"slab-{slab.number:08d}.log")
        payload = records.header_payload(kind="slab", number=slab.number, interval=slab.interval, base=slab.base)
        self._queue.append((log, lambda: payload))

    def layout(self, slab: Slab, group: int, refs: NDArray[np.int64]) -> None:
        """The group got these further columns."""
        self._queue.append((self._open[slab.number], lambda: records.layout_payload(group, refs)))

    def row(self, slab: Slab, group: int, row: int, timestamp: int, values: NDArray[np.float64]) -> None:
        """The group got this row."""
        data = values.tobytes()  # the caller goes on using the array
        self._queue.append((self._open[slab.number], lambda: records.row_payload(group, row, timestamp, data)))

    def begin_points(self, number: int) -> None:
        """Points from here on go to a log of their own."""
        log = self._open[number] = Log(self._directory / f"points-{number:08d}.log")
        self._points = number
        payload = records.header_payload(kind="points", number=number)
        self._queue.append((log, lambda: payload))

    def points(self, points: Points) -> None:
        """These points were accepted."""
        self._queue.append((self._open[self._points], lambda: records.points_payload(points)))

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write in the background."""
        for name, every, action in (("write", WRITE_EVERY, self.write), ("sync", SYNC_EVERY, self.sync)):
            thread = threading.Thread(target=self._repeat, args=(every, action), name=f"tsdb-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Write and sync what is left, and close."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self.flush()
        for log in self._logs():
            log.close()

    def flush(self) -> None:
        """Write and sync everything that was put on the queue before."""
        self.write()
        self.sync()

    def drop(self, number: int, *, keep: bool = False) -> None:
        """What the log covers is in a sealed file: the log goes away. ``keep`` leaves its file for the next start."""
        log = self._open.pop(number)
        with self._syncing, self._writing:
            log.close()
        if not keep:
            log.path.unlink(missing_ok=True)

    def numbers(self) -> list[int]:
        """The numbers of all logs of slabs and points."""
        return list(self._open)

    @property
    def points_number(self) -> int:
        """The log that takes points now."""
        return self._points

    @property
    def idle(self) -> bool:
        """Whether everything put on the queue before has been handed to the kernel, or refused by it."""
        with self._writing:
            return not self._queue

    def write(self) -> None:
        """Write the queue out."""
        with self._writing:
            while self._queue:
                log, payload = self._queue.popleft()
                log.put(payload())
            everything, self._all_series = self._all_series, None
            actions = [log.write for log in self._logs()]
            if everything is not None:
                snapshot = records.series_payload(everything())
                actions.append(lambda: self._series.rewrite(snapshot))
            self._guard(actions)

    def sync(self) -> None:
        """Make what was written durable."""
        with self._syncing:
            dirty = [log for log in self._logs() if log.dirty]
            if dirty:
                begin = time.perf_counter()
                self._guard([log.sync for log in dirty])
                self._metrics.fsync.observe(time.perf_counter() - begin)

    def _logs(self) -> list[Log]:
        # Series first: rows that refer to unknown series would be worth nothing.
        return [self._series, *list(self._open.values())]

    def _repeat(self, every: float, action: Callable[[], None]) -> None:
        while not self._stop.wait(every):
            action()

    def _guard(self, actions: list[Callable[[], None]]) -> None:
        failed: OSError | None = None
        for action in actions:
            try:
                action()
            except OSError as error:
                failed = error
                self._metrics.wal_writes_failed.inc()
        if failed is not None:
            self._failures += 1
            if self._failures == 1:
                text = "cannot write the log; samples stay in memory only until this works again"
                self._log.error(text, extra={"error": str(failed), "directory": str(self._directory)})
        elif self._failures and any(log.dirty for log in self._logs()):
            self._log.info("the log can be written again", extra={"failures": self._failures})
            self._failures = 0
