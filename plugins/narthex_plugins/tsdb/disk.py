"""The storage's durable side: recovery at start, the logs while running, sealing and retention.

Everything here is called from the event loop; what takes long is done by the threads of :mod:`.wal` and :mod:`.sealer`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.blocks.plan import compactable, range_of
from narthex_plugins.tsdb.commit import GroupCommit
from narthex_plugins.tsdb.compactor import Compactor
from narthex_plugins.tsdb.contents import Contents
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms
from narthex_plugins.tsdb.histograms.store import HistogramStore
from narthex_plugins.tsdb.limits import Limits
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.parts import Parts
from narthex_plugins.tsdb.points import PointStore
from narthex_plugins.tsdb.recovery import Recovered, recover
from narthex_plugins.tsdb.sealed import SealedPoints, SealedSlab
from narthex_plugins.tsdb.sealer import Sealer
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.tombstones import Tombstones, write_deletions
from narthex_plugins.tsdb.wal import WriteAheadLog

__all__ = ["Disk"]

_MOST_POINTS = 1 << 20
_MOST_HISTOGRAMS = 32 << 20
_LATE = 1_800_000
"""Points whose time is to be compacted are sealed that often (ms of the newest sample) at most."""

_POINTS_SPAN = 7_200_000
"""Points are sealed when there are so many, histograms when they take so many bytes, both when they span two hours."""


class Disk:
    """A locked directory in use."""

    def __init__(  # noqa: PLR0913 -- one for each part it works with
        self,
        path: Path,
        parts: Parts,
        points: PointStore,
        histograms: HistogramStore,
        tombstones: Tombstones,
        limits: Limits,
        metrics: TsdbMetrics,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        synced: bool = False,
    ) -> None:
        """``synced``: samples are committed group by group, instead of once a second."""
        self.directory = Directory(path)
        self._parts = parts
        self._points = points
        self._histograms = histograms
        self._metrics = metrics
        self._log = log
        self.wal = WriteAheadLog(self.directory.wal, metrics, log, self.number, synced=synced)
        contents = Contents(parts, points, histograms, tombstones)
        numbers = self.number, self.wal.numbers
        self._compactor = Compactor(self.directory, contents, limits, *numbers, metrics, log)
        opened = self._compactor.open_histograms
        self._sealer = Sealer(self.directory, contents, self.number, opened, self.wal, metrics, log)
        self.commit = GroupCommit(self._commit, metrics.unacknowledged.set) if synced else None
        self._tombstones = tombstones
        self._limits = limits
        self._numbers = count(1)
        self._forced = -_LATE

    async def start(self, now: int) -> Recovered:
        """Lock and recover; ``now`` is in ms. Raises ``StorageError``."""
        self.directory.lock()
        begin = time.perf_counter()
        try:
            opened = self._compactor.open, self._compactor.open_histograms
            recovered = await asyncio.to_thread(recover, self.directory, *opened, self._metrics, self._log)
        except BaseException:
            self.directory.unlock()
            raise
        self._tombstones.deletions = recovered.deletions
        self._tombstones.keep = partial(write_deletions, self.directory.tombstones)
        self._sealer.use(recovered.table)
        self._compactor.use(recovered.table)
        self._parts.exchange((), [*recovered.slabs, *recovered.unsealed], recovered.blocks)
        for run in recovered.runs:
            self._points.replace((), run)
        self._histograms.replace((), recovered.histograms)
        self._numbers = count(recovered.number + 1)
        for slab in recovered.unsealed:
            self.wal.adopt_slab(slab.number)
            self._sealer.wait_for(slab)
        self.wal.begin_points(self.number())
        for points in recovered.points:
            self._points.restore(points)
            self.wal.points(points)
        if recovered.samples:
            self._histograms.restore(recovered.samples)
            self.wal.histograms(recovered.samples)
        recovered.metadata.interrupt(now)
        recovered.metadata.expire(now - self._limits.time)
        self.wal.rewrite_metadata(recovered.metadata)
        if await asyncio.to_thread(self.wal.flush):
            for path in recovered.loose_logs:
                path.unlink()
        self.wal.start()
        if self.commit is not None:
            self.commit.start()
        self._report(recovered, time.perf_counter() - begin)
        return recovered

    async def stop(self) -> None:
        """Wait for the threads and release the lock."""
        if self.commit is not None:
            await asyncio.to_thread(self.commit.stop)
        await asyncio.to_thread(self._compactor.close)
        await asyncio.to_thread(self._sealer.close)
        await asyncio.to_thread(self.wal.stop)
        self.directory.unlock()

    def flush(self) -> bool:
        """Write and sync all logs; whether everything that was appended before is on disk. It waits for the disk."""
        return self.wal.flush()

    def _commit(self) -> bool:
        done = self.flush()
        if self.wal.gave_up():
            raise StorageError("samples that the disk refused for too long were given up")
        return done

    async def between_rounds(self, action: Callable[[Compactor], None]) -> None:
        """Do something in a thread while nothing is compacted."""
        await asyncio.wrap_future(self._compactor.between_rounds(lambda: action(self._compactor)))

    def number(self) -> int:
        """A number that no file has. From any thread."""
        return next(self._numbers)

    def seal(self, slab: Slab) -> None:
        """The slab gets no more rows."""
        self._sealer.slab(slab)

    async def sealed(self) -> None:
        """Wait until everything that is to be sealed by now is, or has failed to be."""
        await asyncio.wrap_future(self._sealer.retry())

    def seal_points(self, *, force: bool = False) -> None:
        """Seal the open points and histograms if there are many, or if they are old."""
        self._seal_histograms(force=force)
        oldest, newest = self._points.bounds()
        if not force and len(self._points) < _MOST_POINTS and newest - oldest < _POINTS_SPAN:
            return
        frozen = tuple(run for run in self._points.freeze() if not isinstance(run, SealedPoints))
        if frozen:
            number = self.wal.points_number
            self.wal.begin_points(self.number())
            self._sealer.points(frozen, number)

    def _seal_histograms(self, *, force: bool) -> None:
        oldest, newest = self._histograms.bounds()
        if not force and self._histograms.size < _MOST_HISTOGRAMS and newest - oldest < _POINTS_SPAN:
            return
        runs = self._histograms.hand_over()
        if runs:
            self._sealer.histograms(runs, self.wal.begin_histograms())

    def tidy(self, now: int, newest: int) -> Future[None]:
        """Once a minute: retry what failed, compact, remove what is past retention, give pages back.

        Times are in ms; ``newest`` is that of the newest sample. The outcome is the round of compaction.
        """
        # Retention counts from the newest sample, as Prometheus's does: a wrong clock must not empty the disk.
        now = min(now, newest)
        # Points that are due are sealed first, so that they get into a block together with the rows of their time.
        oldest = min(self._points.bounds()[0], self._histograms.bounds()[0])
        due = compactable(range_of(oldest), newest) and newest >= self._forced + _LATE
        if due:
            self._forced = newest
        self.seal_points(force=due)
        if self.directory.refused is not None:  # at the start
            with suppress(OSError):
                self.directory.make()
        self._sealer.retry()
        self._sealer.expire(now - self._limits.time)
        for part in (*self._parts.all(), *self._points.runs, *self._histograms.runs, *self._parts.blocks()):
            if isinstance(part, SealedSlab | SealedPoints | SealedHistograms | Block):
                part.file.release()
        self._metrics.blocks.set(len(self._parts.blocks()))
        self._metrics.blocks_bytes.set(sum(block.file.size for block in self._parts.blocks()))
        return self._compactor.start_round(newest, now, head=not due)

    def _report(self, recovered: Recovered, seconds: float) -> None:
        self._metrics.replay.set(seconds)
        self._metrics.clean_start.set(1 if self.directory.clean else 0)
        facts = {
            "seconds": round(seconds, 3),
            "series": recovered.table.live,
            "files": len(recovered.slabs) + len(recovered.runs),
            "blocks": len(recovered.blocks),
            "clean": self.directory.clean,
        }
        self._log.info("storage is open", extra=facts)
        if refused := self.directory.refused:
            text = "the data directory cannot be written; samples stay in memory until it can"
            self._log.error(text, extra={"err": str(refused), "directory": str(self.directory.path)})
