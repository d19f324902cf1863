"""The write-ahead logs: what is not sealed yet, written down by a thread so that the event loop never waits for a disk.

The loop puts records on a queue, a call of less than a microsecond. One thread frames them with checksums and writes
them out every 200 ms, another syncs the files every second. So a killed process loses less than a second, and so does,
as a rule, a machine that loses power. There is a log for each open slab, one for points, and one for series; a log goes
away when what it covers is sealed.

A disk that is full or read-only must not stop scraping and alerting: the first failure is logged, the rest counted, the
records are kept for the next attempt up to a limit, and a log that lost records takes no more. After a sync that failed
the kernel may call clean what never reached the disk, so everything since the last good sync is written again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import Points
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.durable import replace_file, sync_directory
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.series import NewSeries
from narthex_plugins.tsdb.slab import Slab

__all__ = ["Log", "WriteAheadLog"]

WRITE_EVERY = 0.2
SYNC_EVERY = 1.0

_MOST_WAITING = 32 << 20
"""Bytes a log may hold back while the disk refuses them."""

_MOST_QUEUED = 128 << 20
"""Bytes of rows and points that wait for a thread which hangs in the disk."""


class Log:
    """One file that only grows. A failed write is undone, so the file always ends with a whole record."""

    def __init__(self, path: Path, *, essential: bool = False) -> None:
        self.path = path
        self.essential = essential
        self.closed = False
        self.lost = False
        self.doubtful = False
        """A sync failed, and what it was about has not been written again."""
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._unsynced: list[bytes] = []
        self._size = path.stat().st_size if path.exists() else 0
        self._named = path.exists()
        self._fd = -1
        self._in_use = threading.Lock()  # the file by a sync: it must not be closed meanwhile

    @property
    def dirty(self) -> bool:
        """Whether something was written and not synced."""
        return bool(self._unsynced)

    def put(self, payload: bytes) -> None:
        """Add a record to what is written next."""
        if self.closed or self.lost:
            return
        record = records.frame(payload)
        self._waiting.append(record)
        self._bytes += len(record)

    def write(self) -> None:
        """Hand everything that waits to the kernel. Raises ``OSError``, and keeps it, when that fails."""
        if self.doubtful:
            self._go_back()
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        try:
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            _write_all(self._fd, data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            if self._bytes > _MOST_WAITING:
                self.lose()
            raise
        self._size += len(data)
        self._unsynced.append(data)
        self._clear()

    def rewrite(self, payload: bytes) -> None:
        """Begin the file anew with this record. Raises ``OSError``; then the old file goes on."""
        self.write()
        data = records.frame(payload)
        with self._in_use:
            replace_file(self.path, data)
            self._let_go()
            self._unsynced.clear()
            self._size = len(data)
            self.doubtful = False

    def sync(self) -> None:
        """Make what was written durable. Raises ``OSError``; then what is not durable is written again."""
        with self._in_use:
            done = len(self._unsynced)  # a write may come while the sync goes on
            if not done or self._fd < 0 or self.doubtful:
                return
            try:
                os.fsync(self._fd)
                if not self._named:
                    sync_directory(self.path.parent)
                    self._named = True
            except OSError:
                self.doubtful = True
                raise
            del self._unsynced[:done]

    def lose(self) -> None:
        """Give up what waits, and take no more, unless all else depends on this log."""
        if not self.essential:
            self.lost = True
            self._clear()

    def close(self) -> None:
        """Take no more records."""
        with self._in_use:
            self.closed = True
            self._clear()
            self._unsynced.clear()
            self._let_go()

    def _go_back(self) -> None:
        """Cut off what may not have reached the disk, and put it in front of what waits."""
        data = b"".join(self._unsynced)
        os.truncate(self.path, self._size - len(data))
        self._size -= len(data)
        self._let_go()
        self._unsynced.clear()
        self._waiting.insert(0, data)
        self._bytes += len(data)
        self.doubtful = False

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


class WriteAheadLog:
    """All logs of a directory, and the threads that write them.

    ``synced`` is for who commits by :meth:`flush`: then no thread syncs every second.
    """

    def __init__(
        self,
        directory: Path,
        metrics: TsdbMetrics,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        synced: bool = False,
    ) -> None:
        self._directory = directory
        self._metrics = metrics
        self._log = log
        # Records as functions that make the payload, so that encoding too happens in the thread; and their bytes.
        self._queue: deque[tuple[Log, Callable[[], bytes], int]] = deque()
        self._queued = 0
        self._taken = 0
        self._series = Log(directory / "series.log", essential=True)
        self._open: dict[int, Log] = {}  # logs of slabs and of points; numbers are never used twice
        self._points = -1
        self._all_series: Callable[[], NewSeries] | None = None
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tasks = [("write", WRITE_EVERY, self.write)] + ([] if synced else [("sync", SYNC_EVERY, self.sync)])
        self._failures = 0
        self._given_up = False

    # --- from the event loop -----------------------------------------------------------------------------------------

    def series(self, new: NewSeries) -> None:
        """Series were registered."""
        self._put(self._series, lambda: records.series_payload(new))

    def rewrite_series(self, everything: Callable[[], NewSeries]) -> None:
        """Series were forgotten: the log of series may begin anew with what ``everything`` gives, in a thread."""
        self._all_series = everything

    def begin_slab(self, slab: Slab) -> None:
        """A slab was opened."""
        log = self._open[slab.number] = Log(self._directory / f"slab-{slab.number:08d}.log")
        payload = records.header_payload(kind="slab", number=slab.number, interval=slab.interval, base=slab.base)
        self._put(log, lambda: payload)

    def layout(self, slab: Slab, group: int, refs: NDArray[np.int64]) -> None:
        """The group got these further columns."""
        self._put(self._open[slab.number], lambda: records.layout_payload(group, refs), refs.nbytes)

    def row(self, slab: Slab, group: int, row: int, timestamp: int, values: NDArray[np.float64]) -> None:
        """The group got this row."""
        data = values.tobytes()  # the caller goes on using the array
        payload = partial(records.row_payload, group, row, timestamp, data)
        self._put(self._open[slab.number], payload, len(data))

    def begin_points(self, number: int) -> None:
        """Points from here on go to a log of their own."""
        log = self._open[number] = Log(self._directory / f"points-{number:08d}.log")
        self._points = number
        payload = records.header_payload(kind="points", number=number)
        self._put(log, lambda: payload)

    def points(self, points: Points) -> None:
        """These points were accepted."""
        self._put(self._open[self._points], lambda: records.points_payload(points), 3 * points.times.nbytes)

    def _put(self, log: Log, payload: Callable[[], bytes], size: int = 0) -> None:
        if log.lost:
            return
        if self._queued - self._taken > _MOST_QUEUED and not log.essential:
            log.lose()  # the disk hangs; who reads is served from memory all the same
            return
        self._queued += size
        self._queue.append((log, payload, size))

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write in the background."""
        for name, every, action in self._tasks:
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

    def flush(self) -> bool:
        """Write and sync everything that was put on the queue before; whether all of it is on disk now."""
        written = self.write()
        return self.sync() and written and not any(log.lost for log in self._logs())

    def drop(self, number: int, *, keep: bool = False) -> None:
        """What the log covers is in a sealed file: the log goes away.

        ``keep`` is for what was given up: its file stays for the next start.
        """
        log = self._open.pop(number)
        self._given_up |= keep
        with self._syncing, self._writing:
            log.close()
        if not keep:
            log.path.unlink(missing_ok=True)

    def gave_up(self) -> bool:
        """Whether samples were given up since this was asked last."""
        gave_up, self._given_up = self._given_up, False
        return gave_up

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

    def write(self) -> bool:
        """Write the queue out; whether that worked."""
        with self._writing:
            while self._queue:
                log, payload, size = self._queue.popleft()
                self._taken += size
                log.put(payload())
            everything, self._all_series = self._all_series, None
            actions = [log.write for log in self._logs()]
            if everything is not None:
                snapshot = records.series_payload(everything())
                actions.append(lambda: self._series.rewrite(snapshot))
            return self._guard(actions)

    def sync(self) -> bool:
        """Make what was written durable; whether that worked."""
        with self._syncing:
            dirty = [log for log in self._logs() if log.dirty]
            if not dirty:
                return True
            begin = time.perf_counter()
            done = self._guard([log.sync for log in dirty])
            self._metrics.fsync.observe(time.perf_counter() - begin)
            return done and not any(log.doubtful for log in dirty)

    def _logs(self) -> list[Log]:
        # Series first: rows that refer to unknown series would be worth nothing.
        return [self._series, *list(self._open.values())]

    def _repeat(self, every: float, action: Callable[[], bool]) -> None:
        while not self._stop.wait(every):
            action()

    def _guard(self, actions: list[Callable[[], None]]) -> bool:
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
        return failed is None
