"""The write-ahead logs: what is not sealed yet, written down by a thread so that the event loop never waits for a disk.

The loop puts records on a queue, a call of less than a microsecond. One thread frames them with checksums and writes
them out every 200 ms, another syncs the files every second. So a killed process loses less than a second, and so does,
as a rule, a machine that loses power. There is a log for each open slab, one for points, one for series, and one for
metadata; a log of samples goes away when what it covers is sealed.

A disk that is full or read-only must not stop scraping and alerting: the first failure is logged, the rest counted, the
records are kept for the next attempt up to a limit, and a log that lost records takes no more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.storage.frames import Points
from narthex.storage.metadata import MetadataBook, MetadataEntry
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.histograms.columns import Sample, columns_of_samples
from narthex_plugins.tsdb.histograms.record import histograms_payload
from narthex_plugins.tsdb.logfile import Log
from narthex_plugins.tsdb.metadata import MetadataRecords
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.series import NewSeries
from narthex_plugins.tsdb.slab import Slab

__all__ = ["SYNC_EVERY", "WRITE_EVERY", "WriteAheadLog"]

WRITE_EVERY = 0.2
SYNC_EVERY = 1.0

_MOST_QUEUED = 128 << 20
"""Bytes of rows and points that wait for a thread which hangs in the disk."""


class WriteAheadLog:
    """All logs of a directory, and the threads that write them.

    ``synced`` is for who commits by :meth:`flush`: then no thread syncs every second. ``number`` gives a number that no
    file has.
    """

    def __init__(
        self,
        directory: Path,
        metrics: TsdbMetrics,
        log: logging.LoggerAdapter[logging.Logger],
        number: Callable[[], int],
        *,
        synced: bool = False,
    ) -> None:
        self._directory = directory
        self._number = number
        self._metrics = metrics
        self._log = log
        # Records as functions that make the payload, so that encoding too happens in the thread; and their bytes.
        self._queue: deque[tuple[Log, Callable[[], bytes], int]] = deque()
        self._queued = 0
        self._taken = 0
        self._series = Log(directory / "series.log", essential=True)
        self._open: dict[int, Log] = {}  # all others; numbers are never used twice
        self._points = self._histograms = -1
        self._metadata = Log(directory / "metadata.log", essential=True)
        self._metadata_records = MetadataRecords()
        self._anew: dict[Log, Callable[[], Sequence[bytes]]] = {}
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
        self._anew[self._series] = lambda: [records.series_payload(everything())]

    def begin_slab(self, slab: Slab) -> None:
        """A slab was opened."""
        log = self._open[slab.number] = Log(self._directory / f"slab-{slab.number:08d}.log")
        payload = records.header_payload(kind="slab", number=slab.number, interval=slab.interval, base=slab.base)
        self._put(log, lambda: payload)

    def adopt_slab(self, number: int) -> None:
        """The log of a slab that recovery could not seal is there still; it goes when the slab is sealed."""
        self._open[number] = Log(self._directory / f"slab-{number:08d}.log")

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

    def begin_histograms(self) -> int:
        """Histograms from here on go to a log of their own; returns the number of the log before (-1: none).

        The log begins with the first of them: a server without histograms has none.
        """
        before, self._histograms = self._histograms, -1
        return before

    def histograms(self, samples: Sequence[Sample]) -> None:
        """These histograms were accepted."""
        if self._histograms < 0:
            number = self._histograms = self._number()
            log = self._open[number] = Log(self._directory / f"histograms-{number:08d}.log")
            payload = records.header_payload(kind="histograms", number=number)
            self._put(log, lambda: payload)
        size = sum(100 + 8 * value.bucket_count for _, _, _, value in samples)
        self._put(self._open[self._histograms], lambda: histograms_payload(columns_of_samples(samples)), size)

    def metadata(self, target: Labels, entry: MetadataEntry) -> None:
        """What a target says of its metric families has changed."""
        self._put(self._metadata, lambda: self._metadata_records.payload(target, entry))

    def rewrite_metadata(self, book: MetadataBook) -> None:
        """The log of metadata may begin anew with what the book holds, in a thread."""
        self._anew[self._metadata] = lambda: self._metadata_records.all(book)

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
            with suppress(OSError):  # the next start finds that the file holds the same, and removes the log
                log.path.unlink()

    def gave_up(self) -> bool:
        """Whether samples were given up since this was asked last."""
        gave_up, self._given_up = self._given_up, False
        return gave_up

    def numbers(self) -> list[int]:
        """The numbers of all logs but that of series."""
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
            return self._guard([*(log.write for log in self._logs()), *map(self._rewriting, list(self._anew))])

    def _rewriting(self, log: Log) -> Callable[[], None]:
        def rewrite() -> None:
            log.rewrite(self._anew[log]())
            del self._anew[log]  # after a failure it is tried again

        return rewrite

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
        return [self._series, self._metadata, *list(self._open.values())]

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
                self._log.error(text, extra={"err": str(failed), "directory": str(self._directory)})
        elif self._failures and any(log.dirty for log in self._logs()):
            self._log.info("the log can be written again", extra={"failures": self._failures})
            self._failures = 0
        return failed is None
