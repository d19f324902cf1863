"""The thread that turns two hours of the head into a block, blocks into larger ones, and removes what is too old.

Everything is written beside what it replaces; a block names the files it stands for, so that after a crash between the
rename and the removal the start knows which of them to remove. What cannot be written is tried again a minute later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from narthex.errors import StorageError
from narthex_plugins.tsdb.blocks import Block, block_path, open_block
from narthex_plugins.tsdb.blocks.fromhead import write_head_block
from narthex_plugins.tsdb.blocks.plan import RANGE, compactable, expired, next_merge, oversized, range_of
from narthex_plugins.tsdb.blocks.upwards import write_merged_block
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.contents import Contents
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import set_aside, sync_directory
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms
from narthex_plugins.tsdb.limits import Limits
from narthex_plugins.tsdb.logs import Trouble
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.points import Run, merge
from narthex_plugins.tsdb.sealed import SealedPoints, SealedSlab
from narthex_plugins.tsdb.sealing import write_points
from narthex_plugins.tsdb.series import SeriesTable

__all__ = ["Compactor"]

_PAUSE = 0.0005
"""Seconds for which the thread steps aside every few milliseconds of work: scrapes find the interpreter free."""


_HeadFile = SealedSlab | SealedPoints | SealedHistograms


class _StoppedError(Exception):
    """The server stops; work is broken off and begun again at the next start."""


class Compactor:
    """Works in one thread of its own; at most one round is under way."""

    def __init__(
        self,
        directory: Directory,
        contents: Contents,
        limits: Limits,
        number: Callable[[], int],
        logs: Callable[[], Sequence[int]],
        metrics: TsdbMetrics,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._directory = directory
        self._parts = contents.parts
        self._points = contents.points
        self._histograms = contents.histograms
        self._tombstones = contents.tombstones
        self._limits = limits
        self._number = number
        self._logs = logs
        self._metrics = metrics
        self._log = log
        self._table = SeriesTable()
        self._trouble = Trouble(log, "cannot write a block; its samples stay where they are", "blocks can be written")
        self._damaged: dict[int, StorageError] = {}
        self._stopping = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tsdb-compact")
        self._round: Future[None] | None = None
        self._late: int | None = None
        """The newest sample when points without rows were compacted last."""

    def use(self, table: SeriesTable) -> None:
        """The series that recovery found; before the first round."""
        self._table = table

    def open(self, path: Path) -> Block:
        """Open a block; a damaged page that a reader meets sets it aside at the next round. Raises ``StorageError``."""
        return open_block(path, partial(self._met, int(path.stem.split("-")[1])))

    def open_histograms(self, path: Path) -> SealedHistograms:
        """The same for histograms of the head; their index has been verified."""
        return SealedHistograms(ArrayFile(path), partial(self._met, int(path.stem.split("-")[1])))

    def _met(self, number: int, error: StorageError) -> None:
        self._damaged.setdefault(number, error)

    def start_round(self, newest: int, now: int, *, head: bool) -> Future[None]:
        """Do what is to be done; ``newest`` is the newest sample (ms). A round that is under way is the answer, too.

        Without ``head`` nothing of the head is compacted.
        """
        if self._round is None or self._round.done():
            self._round = self._worker.submit(self._work, newest, now - self._limits.time, head)
            self._round.add_done_callback(self._ended)
        return self._round

    def between_rounds(self, action: Callable[[], None]) -> Future[None]:
        """Do something while nothing is compacted."""
        return self._worker.submit(action)

    def clean(self) -> None:
        """Write blocks that hold something deleted anew. Raises ``StorageError``."""
        numbers = self._tombstones.files()
        try:
            for block in self._parts.blocks():
                if block.number in numbers:
                    self.rewrite([block])
            self._prune()
        except OSError as error:
            raise StorageError(f"cannot write a block anew: {error}") from error

    def close(self) -> None:
        """Break off what is under way."""
        self._stopping.set()
        self._worker.shutdown(wait=True)

    def _ended(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None and not isinstance(error, _StoppedError):  # a mistake in this package
            self._metrics.compactions_failed.inc()
            self._log.error("compaction ended with an unexpected error", exc_info=error)

    def _pause(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        time.sleep(_PAUSE)

    def _work(self, newest: int, before: int, head: bool) -> None:  # noqa: FBT001 (submitted to a pool)
        self._set_aside()
        self._remove(expired([one.extent for one in self._parts.blocks()], before), "retention time")
        try:
            while (head and self._head(newest)) or self._upwards():
                self._metrics.compactions.inc()
            self._prune()
        except (OSError, StorageError) as error:
            self._metrics.compactions_failed.inc()
            self._trouble.failed(error, directory=str(self._directory.blocks))
        else:
            self._trouble.worked()
        self._set_aside()
        extents = [one.extent for one in self._parts.blocks()]
        most = self._limits.most(self._directory.path)
        self._remove(oversized(extents, self._directory.head_bytes(), most), "retention size")

    # --- the head ----------------------------------------------------------------------------------------------------

    def _head(self, newest: int) -> bool:
        """Turn the oldest two hours of the head into a block; False when none are old enough."""
        slabs = [part for part in self._parts.all() if isinstance(part, SealedSlab)]
        runs = [run for run in self._points.runs if isinstance(run, SealedPoints)]
        histograms = [run for run in self._histograms.runs if isinstance(run, SealedHistograms)]
        start = self._due(slabs, [*runs, *histograms], newest)
        if start is None:
            return False
        slabs = [slab for slab in slabs if range_of(slab.base * slab.interval) == start]
        runs = [run for run in runs if run.min_time < start + RANGE]
        histograms = [run for run in histograms if range_of(run.min_time) == start]
        # A file whose log is about to go is left alone: after a crash the log would be replayed beside the block.
        every: list[_HeadFile] = [*slabs, *runs, *histograms]
        if not set(self._logs()).isdisjoint(one.number for one in every):
            return False
        self._write_head(start, slabs, runs, histograms)
        return True

    def _due(
        self, slabs: Sequence[SealedSlab], runs: Sequence[SealedPoints | SealedHistograms], newest: int
    ) -> int | None:
        """The two hours to compact next, or None.

        Points and histograms that come late would have the block they belong to written anew every minute. So they
        wait for the next rows, or for two hours.
        """
        rows = min((range_of(slab.base * slab.interval) for slab in slabs), default=newest)
        points = min((range_of(run.min_time) for run in runs), default=newest)
        start = min(rows, points)
        if not compactable(start, newest):
            return None
        if compactable(rows, newest):
            return start
        if self._late is not None and self._late < newest < self._late + RANGE:
            return None
        self._late = newest
        return start

    def _write_head(
        self,
        start: int,
        slabs: Sequence[SealedSlab],
        runs: Sequence[SealedPoints],
        histograms: Sequence[SealedHistograms],
    ) -> None:
        self._verify(histograms)
        points = merge([self._left(run) for run in runs]) if runs else None
        early = late = None
        if points is not None:
            early = points.part(points.times < start + RANGE)
            late = points.part(points.times >= start + RANGE)
        rest = None
        if late is not None and len(late.refs):
            number = self._number()
            write_points(late, number, self._directory.points(number))
            rest = SealedPoints(ArrayFile(self._directory.points(number)))
        path = block_path(self._directory.blocks, self._number())
        every: list[_HeadFile] = [*slabs, *runs, *histograms]
        written = write_head_block(
            path,
            slabs,
            early,
            self._table,
            histograms=histograms,
            span=(start, start + RANGE),
            parents=[one.number for one in every],
            erased=self._tombstones.erased(one.number for one in every),
            pause=self._pause,
        )
        self._parts.exchange(slabs, (), [self.open(path)] if written else [])
        self._points.replace(tuple(runs), rest)
        self._histograms.replace(histograms, ())
        for one in every:
            one.file.path.unlink(missing_ok=True)
        sync_directory(self._directory.sealed)

    def _left(self, run: SealedPoints) -> Run:
        """A run without what was deleted."""
        hashes = self._table.hashes(run.refs.astype(np.int64))
        gone = self._tombstones.gone(run.number, hashes, run.times)
        return run.part(~gone) if gone.any() else run

    def _prune(self) -> None:
        """Forget deletions whose files are gone."""
        if self._tombstones.deletions:
            parts, blocks = self._parts.both()
            held = [one.number for one in parts] + [one.number for one in blocks]
            held += [one.number for one in self._points.runs] + [one.number for one in self._histograms.runs]
            self._tombstones.prune([*held, *self._logs()])

    # --- blocks ------------------------------------------------------------------------------------------------------

    def _upwards(self) -> bool:
        """Join some blocks; False when there is nothing to join."""
        blocks = {one.number: one for one in self._parts.blocks()}
        numbers = next_merge([one.extent for one in blocks.values()], self._limits.time)
        if not numbers:
            return False
        self.rewrite([blocks[number] for number in numbers])
        return True

    def rewrite(self, blocks: Sequence[Block]) -> None:
        """Put one block in the place of some. Raises ``OSError`` and ``StorageError``."""
        self._verify(blocks)
        path = block_path(self._directory.blocks, self._number())
        erased = self._tombstones.erased(one.number for one in blocks)
        written = write_merged_block(path, blocks, erased=erased, pause=self._pause)
        self._parts.exchange(blocks, (), [self.open(path)] if written else [])
        self._unlink(blocks)

    def _verify(self, files: Iterable[Block | SealedHistograms]) -> None:
        """Compare all checksums of what is to be compacted. Raises ``StorageError``."""
        for one in files:
            try:
                one.file.verify(one.file.names)
            except StorageError as error:
                self._damaged[one.number] = error
                raise

    def _set_aside(self) -> None:
        """Take files in which a damaged page was met out of use."""
        files: list[Block | SealedHistograms] = list(self._parts.blocks())
        files += [run for run in self._histograms.runs if isinstance(run, SealedHistograms)]
        for one in files:
            error = self._damaged.pop(one.number, None)
            if error is None:
                continue
            if isinstance(one, Block):
                self._parts.exchange((one,))
            else:
                self._histograms.replace((one,), ())
            path = one.file.path
            set_aside(path)
            self._metrics.wal_corruptions.inc()
            facts = {"file": str(path), "damage": str(error), "from": one.min_time, "to": one.max_time}
            what = "block" if isinstance(one, Block) else "file of histograms"
            self._log.error("a damaged %s was set aside; the others are served", what, extra=facts)

    def _remove(self, numbers: Sequence[int], why: str) -> None:
        gone = [block for block in self._parts.blocks() if block.number in numbers]
        if not gone:
            return
        self._parts.exchange(gone)
        self._unlink(gone)
        counter = self._metrics.time_retentions if why == "retention time" else self._metrics.size_retentions
        counter.inc(len(gone))
        self._log.info("removed blocks", extra={"why": why, "blocks": len(gone)})

    def _unlink(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            block.file.path.unlink(missing_ok=True)
        sync_directory(self._directory.blocks)
