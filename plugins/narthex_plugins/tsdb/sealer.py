"""The thread that turns full slabs and runs of points into files, and removes files that are past retention.

A slab is read from memory until its file has taken its place, so no reader notices. When a file cannot be written the
slab is packed as the file would be, stays in memory and is tried again; if that goes on for hours, the oldest are given
up, because memory ends too.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from narthex.errors import StorageError
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.contents import Contents
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import sync_directory
from narthex_plugins.tsdb.histograms.columns import Columns
from narthex_plugins.tsdb.histograms.joining import joined_columns
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms
from narthex_plugins.tsdb.histograms.store import MemoryRun
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.points import Run, merge
from narthex_plugins.tsdb.sealed import PackedSlab, SealedPoints, SealedSlab
from narthex_plugins.tsdb.sealing import pack_slab, write_packed, write_points, write_slab
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.wal import WriteAheadLog

__all__ = ["Sealer"]

_MOST_BYTES = 256 << 20
"""Bytes of packed slabs kept in memory while files cannot be written: hours of most loads."""


class Sealer:
    """Works in one thread of its own, in the order of the calls."""

    def __init__(
        self,
        directory: Directory,
        contents: Contents,
        number: Callable[[], int],
        open_histograms: Callable[[Path], SealedHistograms],
        wal: WriteAheadLog,
        metrics: TsdbMetrics,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._directory = directory
        self._parts = contents.parts
        self._points = contents.points
        self._histograms = contents.histograms
        self._number = number
        self._open_histograms = open_histograms
        self._wal = wal
        self._metrics = metrics
        self._log = log
        self._table = SeriesTable()
        self._waiting: list[Slab | PackedSlab] = []
        self._unsealed: list[tuple[tuple[MemoryRun, ...], int]] = []
        """Histograms that could not be written, and the numbers of their logs."""
        self._lock = threading.Lock()
        self._failing = False
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tsdb-seal")

    def use(self, table: SeriesTable) -> None:
        """The series that recovery found; before any slab is sealed."""
        self._table = table

    def slab(self, slab: Slab) -> Future[None]:
        """Seal a slab that gets no more rows."""
        with self._lock:
            self._waiting.append(slab)
        return self.retry()

    def wait_for(self, slab: PackedSlab) -> None:
        """A slab that recovery could not seal is sealed with the next that are."""
        with self._lock:
            self._waiting.append(slab)

    def retry(self) -> Future[None]:
        """Seal what waits. Done without an error even when it has to wait further."""
        return self._submit(self._slabs)

    def points(self, runs: tuple[Run, ...], number: int) -> Future[None]:
        """Seal runs of points, which are all that the log of this number holds."""
        return self._submit(self._runs, runs, number)

    def histograms(self, runs: tuple[MemoryRun, ...], number: int) -> Future[None]:
        """Seal runs of histograms, which are all that the log of this number holds."""
        return self._submit(self._histogram_runs, runs, number)

    def expire(self, before: int) -> Future[None]:
        """Remove files whose newest sample is older than this time."""
        return self._submit(self._expire, before)

    def close(self) -> None:
        """Finish what was asked for."""
        self._worker.shutdown(wait=True)

    def _submit(self, work: Callable[..., None], *args: object) -> Future[None]:
        future = self._worker.submit(work, *args)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:  # a mistake in this package; what was to be sealed stays in memory and in its log
            self._metrics.compactions_failed.inc()
            self._log.error("sealing ended with an unexpected error", exc_info=error)

    def _slabs(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        unsealed, self._unsealed = self._unsealed, []
        for runs, number in unsealed:
            self._histogram_runs(runs, number)
        for slab in waiting:
            try:
                self._seal(slab)
            except (OSError, StorageError) as error:
                self._failed(error)
                self._make_room()
                break
            self._done(slab)

    def _seal(self, slab: Slab | PackedSlab) -> None:
        path = self._directory.slab(slab.number)
        written = True
        if isinstance(slab, PackedSlab):
            write_packed(slab, path)
        else:
            written = write_slab(slab, self._table, path)
        self._parts.replace(slab, SealedSlab(ArrayFile(path)) if written else None)
        self._metrics.compactions.inc()
        if self._failing:
            self._failing = False
            self._log.info("files can be written again")

    def _make_room(self) -> None:
        """Pack what has to wait, and give the oldest up when even that takes too much."""
        with self._lock:
            waiting = list(self._waiting)
        for slab in waiting:
            if isinstance(slab, PackedSlab):
                continue
            packed = pack_slab(slab, self._table)
            self._parts.replace(slab, packed)
            if packed is None:
                self._done(slab)
                continue
            with self._lock:
                self._waiting[self._waiting.index(slab)] = packed
        packed_slabs = [slab for slab in self._waiting if isinstance(slab, PackedSlab)]
        size = sum(slab.size for slab in packed_slabs)
        for slab in packed_slabs:
            if size <= _MOST_BYTES:
                break
            self._log.error("gave up a slab that could not be written", extra={"slab": slab.number})
            self._parts.replace(slab, None)
            self._done(slab, keep_log=True)
            size -= slab.size

    def _done(self, slab: Slab | PackedSlab, *, keep_log: bool = False) -> None:
        with self._lock:
            self._waiting.remove(slab)
        self._wal.drop(slab.number, keep=keep_log)

    def _runs(self, runs: tuple[Run, ...], number: int) -> None:
        path = self._directory.points(number)
        try:
            write_points(merge(list(runs)), number, path)
        except (OSError, StorageError) as error:
            self._failed(error)  # the runs stay in memory and their log on disk, for the next start
            return
        self._points.replace(runs, SealedPoints(ArrayFile(path)))
        self._metrics.compactions.inc()
        self._wal.drop(number)

    def _histogram_runs(self, runs: tuple[MemoryRun, ...], number: int) -> None:
        try:
            sealed = self._ranges(joined_columns([], [run.columns for run in runs]), number)
        except (OSError, StorageError) as error:
            self._failed(error)
            self._unsealed.append((runs, number))
            return
        self._histograms.replace(runs, sealed)
        self._metrics.compactions.inc()
        self._wal.drop(number)

    def _ranges(self, columns: Columns, number: int) -> list[SealedHistograms]:
        """A file for each range of two hours; the last gets the log's number, and with it the log has done its work."""
        ranges = columns.times // RANGE
        sealed: list[SealedHistograms] = []
        try:
            for one in (every := np.unique(ranges).tolist()):  # of nothing, for all was deleted, there are none
                own = number if one == every[-1] else self._number()
                path = self._directory.histograms(own)
                write_histograms(columns.take(np.flatnonzero(ranges == one)), own, path)
                sealed.append(self._open_histograms(path))
        except (OSError, StorageError):
            for one in sealed:
                one.file.path.unlink(missing_ok=True)
            raise
        return sealed

    def _failed(self, error: Exception) -> None:
        self._metrics.compactions_failed.inc()
        if not self._failing:
            self._failing = True
            text = "cannot write a file; samples stay in memory until this works again"
            self._log.error(text, extra={"err": str(error), "directory": str(self._directory.sealed)})

    def _expire(self, before: int) -> None:
        removed = 0
        for part in self._parts.all():
            if isinstance(part, SealedSlab) and part.max_time < before:
                self._parts.replace(part, None)
                part.file.path.unlink(missing_ok=True)
                removed += 1
        for run in self._points.runs:
            if isinstance(run, SealedPoints) and run.max_time < before:
                self._points.replace((run,), None)
                run.file.path.unlink(missing_ok=True)
                removed += 1
        for own in self._histograms.runs:
            if isinstance(own, SealedHistograms) and own.max_time < before:
                self._histograms.replace((own,), ())
                own.file.path.unlink(missing_ok=True)
                removed += 1
        if removed:
            sync_directory(self._directory.sealed)
            self._metrics.time_retentions.inc(removed)
            self._log.info("removed files past the retention time", extra={"files": removed})
