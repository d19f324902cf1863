"""The durable side of histograms: their log, the files that it turns into, recovery and retention.

It has a directory and a thread of its own, for histograms come and go by other rules than rows: a log takes what is
accepted; when enough is open, or it spans two hours, everything open becomes one file, and the log goes away. A thread
writes the log every 200 ms and syncs it every second, as for rows, so the same is at risk.

::

    histograms/     log-NNNNNNNN.log, run-NNNNNNNN.nrx; a damaged one gets .bad added
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.durable import TEMPORARY, set_aside, sync_directory
from narthex_plugins.tsdb.histograms.columns import Columns, Sample, columns_of_samples, joined
from narthex_plugins.tsdb.histograms.record import HISTOGRAMS, histograms_payload, read_histograms
from narthex_plugins.tsdb.histograms.rewriting import erased, mergeable, merged
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms
from narthex_plugins.tsdb.histograms.store import HistogramStore, MemoryRun
from narthex_plugins.tsdb.logfile import Log
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.wal import SYNC_EVERY, WRITE_EVERY

__all__ = ["HistogramDisk"]

_MOST_OPEN = 32 << 20
_SPAN = 7_200_000
"""Open histograms are sealed when they take so many bytes, or span so many ms."""

Ints = NDArray[np.int64]


class HistogramDisk:
    """Keeps a :class:`HistogramStore` on disk. ``recover``, ``start``, then ``put`` and ``tidy``, and ``stop``."""

    def __init__(
        self, path: Path, store: HistogramStore, metrics: TsdbMetrics, log: logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self._path = path / "histograms"
        self._store = store
        self._metrics = metrics
        self._log = log
        self._number = 0
        self._open: Log | None = None
        self._covered: list[Log] = []
        self._queue: deque[list[Sample]] = deque()
        self._series_first: Callable[[], object] = lambda: None
        self._stop = threading.Event()
        self._busy = threading.Lock()
        self._wanted: tuple[MemoryRun, ...] = ()
        self._merging = False
        self._broken: set[int] = set()
        self._thread: threading.Thread | None = None
        self._failing = False

    # --- at start -----------------------------------------------------------------------------------------------------

    def recover(self) -> Ints:
        """Open the files and replay the logs; references that have histograms, ascending. Raises ``StorageError``."""
        try:
            return self._recover()
        except OSError as error:
            raise StorageError(f"cannot recover {self._path}: {error}") from error

    def _recover(self) -> Ints:
        self._path.mkdir(parents=True, exist_ok=True)
        for path in self._path.glob(f"*{TEMPORARY}"):
            path.unlink()
        self._number = max((_number(path) for path in self._path.glob("*-*")), default=0)
        used = [self._adopt(path) for path in sorted(self._path.glob("run-*.nrx"))]
        # A file covers its own log and all before: older ones are left by a crash between sealing and their removal.
        sealed = max((_number(path) for path in self._path.glob("run-*.nrx")), default=0)
        logs = sorted(self._path.glob("log-*.log"))
        replayed = [one for path in logs if _number(path) > sealed for one in self._replay(path)]
        self._open = self._next_log()
        for columns in replayed:
            self._queue.append(self._store.restore(columns.samples()))
            used.append(np.unique(columns.refs).astype(np.int64))
        self._write_log(sync=True)
        for path in [] if self._failing else logs:
            path.unlink()
        sync_directory(self._path)
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *used]))

    def _adopt(self, path: Path) -> Ints:
        try:
            file = ArrayFile(path)
            file.verify([name for name in file.names if name != "pages"])
            run = SealedHistograms(file, self._damaged)
        except (StorageError, KeyError, ValueError, TypeError) as error:
            self._damaged(StorageError(f"{error}; set aside as {set_aside(path)}"))
            return np.zeros(0, dtype=np.int64)
        self._store.replace((), run)
        return run.references()

    def _replay(self, path: Path) -> list[Columns]:
        found: list[Columns] = []
        for record in records.records(path):
            if isinstance(record, records.Damage):
                self._damaged(StorageError(f"{path}: dropped the last {record.dropped} bytes"))
                break
            try:
                if record[:1] != HISTOGRAMS:
                    raise ValueError(f"unexpected record of type {record[0]}")
                found.append(read_histograms(record))
            except (ValueError, TypeError, IndexError) as error:
                self._damaged(StorageError(f"{path}: dropped everything from record {len(found)} on: {error}"))
                break
        return found

    def _damaged(self, error: StorageError) -> None:
        self._metrics.wal_corruptions.inc()
        self._log.warning("damaged data was left out", extra={"error": str(error)})

    def start(self, series_first: Callable[[], object]) -> None:
        """Begin to write in the background. ``series_first`` writes out the series that samples refer to."""
        self._series_first = series_first
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="tsdb-histograms", daemon=True)
        self._thread.start()

    # --- while running ------------------------------------------------------------------------------------------------

    def put(self, samples: list[Sample]) -> None:
        """Log accepted samples. Returns at once."""
        self._queue.append(samples)

    def tidy(self, before: int) -> None:
        """Once a minute: seal what is large or old, remove files whose samples are all older than ``before`` (ms)."""
        runs = [run for run in self._store.runs if run.in_memory]
        span = max((run.max_time for run in runs), default=0) - min((run.min_time for run in runs), default=0)
        if not self._wanted and (self._store.size > _MOST_OPEN or span > _SPAN):
            self.seal()
        for run in self._sealed():
            if run.max_time < before:
                self._store.replace((run,), None)
                run.file.path.unlink(missing_ok=True)
                self._metrics.time_retentions.inc()
            else:
                run.file.release()
        self._merging = True

    def make_room(self, excess: int, before: int) -> None:
        """Remove the oldest files, until so many bytes are gone, as far as they end before a time (ms)."""
        for run in sorted(self._sealed(), key=lambda one: one.max_time):
            if excess <= 0 or run.max_time >= before:
                return
            excess -= run.file.size
            self._store.replace((run,), None)
            run.file.path.unlink(missing_ok=True)
            self._metrics.size_retentions.inc()

    def _sealed(self) -> list[SealedHistograms]:
        return [run for run in self._store.runs if isinstance(run, SealedHistograms)]

    def seal(self) -> None:
        """Turn everything that is open into one file, in the thread."""
        self._wanted = tuple(run for run in self._store.freeze() if isinstance(run, MemoryRun))

    def flush(self) -> bool:
        """Write and sync everything that was put before; whether it is on disk now."""
        with self._busy:
            return self._write_log(sync=True)

    def freeze(self) -> tuple[MemoryRun, ...]:
        """Everything that is open, for :meth:`erase`."""
        return tuple(run for run in self._store.freeze() if isinstance(run, MemoryRun))

    def erase(self, frozen: tuple[MemoryRun, ...], refs: Ints, start: int, end: int) -> None:
        """Take samples of some series in a window (ms, inclusive) out of all files and of what was open.

        For another thread than the loop's: it reads and writes whole files. Raises ``StorageError`` when one cannot be
        written; some samples may be gone then.
        """
        with self._busy:
            self._write_log(sync=False)
            if frozen:
                self._seal(frozen)
            if any(run is one for run in self._store.runs for one in frozen):
                raise StorageError("cannot delete histograms: what is open cannot be written to a file")
            try:
                for run in self._sealed():
                    if run.max_time >= start and run.min_time <= end:
                        self._store.replace((run,), erased(run, refs, start, end, self._damaged))
            except OSError as error:
                raise StorageError(f"cannot write a file of histograms anew: {error}") from error

    @property
    def idle(self) -> bool:
        """Whether everything that was put has been handed to the kernel, and nothing is to be sealed or merged."""
        with self._busy:
            return not (self._queue or self._wanted or self._merging)

    @property
    def size(self) -> int:
        """Bytes of the sealed files."""
        return sum(run.file.size for run in self._sealed())

    def stop(self) -> None:
        """Write and sync what is left. Safe without ``start``, and twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            with self._busy:
                self._write_log(sync=True)
        for log in (*self._covered, *([self._open] if self._open is not None else [])):
            log.close()
        self._covered, self._open = [], None

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        synced = time.monotonic()
        while not self._stop.wait(WRITE_EVERY):
            due = time.monotonic() - synced >= SYNC_EVERY
            try:
                with self._busy:
                    self._work(sync=due)
            except Exception as error:  # noqa: BLE001 -- a mistake in this package: the next samples must be logged
                self._wanted, self._merging = (), False
                self._failed(error)
            synced = time.monotonic() if due else synced

    def _work(self, *, sync: bool) -> None:
        wanted = self._wanted
        # What is put behind this moment belongs to the next log; what came before is in the runs.
        self._write_log(sync=sync)
        if wanted:
            self._seal(wanted)
        elif self._merging:
            self._merge()

    def _next_log(self) -> Log:
        self._number += 1
        return Log(self._path / f"log-{self._number:08d}.log")

    def _write_log(self, *, sync: bool) -> bool:
        log = self._open
        assert log is not None  # there is one from recovery on
        try:
            if self._queue:
                self._series_first()
            samples = []
            while self._queue:
                samples += self._queue.popleft()
            if samples:
                log.put(histograms_payload(columns_of_samples(samples)))
            log.write()
            if sync:
                log.sync()
        except OSError as error:
            self._failed(error)
            return False
        self._worked()
        return not (log.lost or log.doubtful)

    def _seal(self, runs: tuple[MemoryRun, ...]) -> None:
        """Write the runs to a file, and begin another log for what is not in them.

        The new log is whole before the file has its name: at no moment does anything stand in neither of the two.
        """
        before, number = self._open, self._number
        assert before is not None
        self._covered.append(before)
        self._open = self._next_log()
        self._queue.appendleft(self._store.open_samples(runs))
        self._write_log(sync=True)
        path = self._path / f"run-{number:08d}.nrx"
        try:
            write_histograms(joined([run.columns for run in runs]), number, path)
            sealed = SealedHistograms(ArrayFile(path), self._damaged)
        except (OSError, StorageError) as error:
            self._failed(error)  # the runs stay in memory and their logs on disk; tidy asks again
        else:
            self._store.replace(runs, sealed)
            for log in self._covered:
                log.close()
                log.path.unlink(missing_ok=True)
            self._covered.clear()
            self._metrics.compactions.inc()
        self._wanted = ()

    def _merge(self) -> None:
        """Make one file of the small ones of a day, if there are such; at most one day at a time."""
        self._merging = False
        runs = mergeable(self._sealed(), self._broken)
        if not runs:
            return
        try:
            one = merged(runs, self._damaged)
        except OSError as error:
            self._failed(error)
            return
        except StorageError as error:  # what is whole of them can still be read
            self._broken.update(run.number for run in runs)
            self._damaged(error)
            return
        self._store.replace(runs, one)
        for run in runs[:-1]:
            run.file.path.unlink(missing_ok=True)
        sync_directory(self._path)
        self._metrics.compactions.inc()

    def _failed(self, error: Exception) -> None:
        self._metrics.wal_writes_failed.inc()
        if not self._failing:
            self._failing = True
            text = "cannot write histograms; they stay in memory until this works again"
            self._log.error(text, extra={"error": f"{type(error).__name__}: {error}", "directory": str(self._path)})

    def _worked(self) -> None:
        if self._failing:
            self._failing = False
            self._log.info("histograms can be written again")


def _number(path: Path) -> int:
    text = path.name.split("-")[1].split(".")[0]
    return int(text) if text.isdigit() else 0
