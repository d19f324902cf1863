"""From a data directory to a database: read the series, check the sealed files, replay the logs.

Nothing that is damaged stops the start. A log is good up to its first wrong record; what follows is dropped, counted
and reported. A sealed file that is damaged is set aside under another name. What the logs held is sealed into files
right away, so each log is replayed once.

A disk that takes nothing does not stop the start either, because alerts depend on it: what would have been written
stays in memory, and what would have been removed stays where it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.storage.frames import Points
from narthex.storage.metadata import MetadataBook
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import replace_file, set_aside, sync_directory
from narthex_plugins.tsdb.histograms.columns import Sample
from narthex_plugins.tsdb.histograms.joining import unhinted
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms
from narthex_plugins.tsdb.metadata import replay_metadata
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.replay import replay_histograms, replay_points, replay_series, replay_slab
from narthex_plugins.tsdb.sealed import PackedSlab, SealedPoints, SealedSlab
from narthex_plugins.tsdb.sealing import pack_slab, write_slab
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.tombstones import Deletion, Tombstones, read_deletions
from narthex_plugins.tsdb.versions import refuse_other_versions

__all__ = ["Recovered", "recover"]

_VERIFIED = 1 << 30
"""Bytes of the newest files whose values are verified at start; of older files only the index is."""

_VALUES = frozenset({"values", "starts", "histogram.pages"})


def is_index(name: str) -> bool:
    """Whether an array of a sealed file tells where values stand: those are verified at every start."""
    return name not in _VALUES and not name.startswith(("codes.", "base.", "digits."))


@dataclass(slots=True)
class Recovered:
    """What a directory held."""

    table: SeriesTable
    slabs: list[SealedSlab] = field(default_factory=list)
    unsealed: list[PackedSlab] = field(default_factory=list)
    """Slabs of logs that the disk did not take as files; their logs stay."""
    runs: list[SealedPoints] = field(default_factory=list)
    histograms: list[SealedHistograms] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    deletions: tuple[Deletion, ...] = ()
    metadata: MetadataBook = field(default_factory=MetadataBook)
    points: list[Points] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    """Points and histograms of logs, which stay in memory; ``loose_logs`` can go once they are logged anew."""
    loose_logs: list[Path] = field(default_factory=list)
    number: int = 0
    """The largest number in use."""


def recover(
    directory: Directory,
    open_block: Callable[[Path], Block],
    open_histograms: Callable[[Path], SealedHistograms],
    metrics: TsdbMetrics,
    log: logging.LoggerAdapter[logging.Logger],
) -> Recovered:
    """Read everything.

    Raises ``StorageError`` when the directory cannot be read or written at all, or is in another format version.
    """
    try:
        return _Recovery(directory, open_block, open_histograms, metrics, log).run()
    except OSError as error:
        raise StorageError(f"cannot recover {directory.path}: {error}") from error


class _Recovery:
    """The steps, in order; each adds to the result."""

    def __init__(
        self,
        directory: Directory,
        open_block: Callable[[Path], Block],
        open_histograms: Callable[[Path], SealedHistograms],
        metrics: TsdbMetrics,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._directory = directory
        self._open_block = open_block
        self._open_histograms = open_histograms
        self._metrics = metrics
        self._log = log
        self._result = Recovered(SeriesTable())
        self._replaced: set[int] = set()
        self._numbers: list[int] = []
        """The number of the log that each of the points comes from."""

    def run(self) -> Recovered:
        refuse_other_versions(self._directory)
        for path in self._directory.remove_temporary():
            self._log.info("removed a half-written file", extra={"file": str(path)})
        self._result.number = self._directory.last_number()
        self._deletions()
        self._series()
        self._metadata()
        self._blocks()
        self._sealed_files()
        self._slab_logs()
        self._point_logs()
        self._histogram_logs()
        self._compact()
        return self._result

    def _tried(self, write: Callable[[], object]) -> bool:
        """Do something to the disk; False where it takes nothing."""
        try:
            write()
        except OSError as error:
            self._directory.refuse(error)
            return False
        return True

    def _damaged(self, path: Path, damage: str) -> None:
        if damage:
            self._metrics.wal_corruptions.inc()
            self._log.warning("damaged data was left out", extra={"file": str(path), "damage": damage})

    def _live(self) -> NDArray[np.bool_]:
        table = self._result.table
        return table.sizes[: table.count] > 0

    def _deletions(self) -> None:
        path = self._directory.tombstones
        try:
            self._result.deletions = read_deletions(path)
        except (StorageError, KeyError, ValueError, TypeError) as error:
            self._aside(path, error)

    def _series(self) -> None:
        path = self._directory.series_log
        if path.exists():
            self._damaged(path, replay_series(path, self._result.table))

    def _metadata(self) -> None:
        path = self._directory.metadata_log
        if path.exists():
            self._damaged(path, replay_metadata(path, self._result.metadata))

    def _blocks(self) -> None:
        """Open the blocks, and remove what they stand for: a crash came before that was done."""
        blocks = {}
        for path in sorted(self._directory.blocks.glob("block-*.nrx")):
            try:
                block = self._open_block(path)
            except (StorageError, KeyError, ValueError, TypeError) as error:
                self._aside(path, error)
            else:
                blocks[block.number] = block
        self._replaced = {number for block in blocks.values() for number in block.parents}
        for path in [*self._directory.blocks.glob("*.nrx"), *self._directory.sealed.glob("*.nrx")]:
            if self._number(path) in self._replaced and self._tried(path.unlink):
                self._log.info("removed a file that a block stands for", extra={"file": str(path)})
        self._result.blocks += [block for number, block in blocks.items() if number not in self._replaced]

    @staticmethod
    def _number(path: Path) -> int:
        return int(path.stem.split("-")[1])

    def _aside(self, path: Path, error: Exception) -> None:
        try:
            where = f"set aside as {set_aside(path)}"
        except OSError as refused:
            self._directory.refuse(refused)
            where = "left where it is"
        self._damaged(path, f"{error}; {where}")

    def _sealed_files(self) -> None:
        budget = _VERIFIED
        for path in sorted(self._directory.sealed.glob("*.nrx"), key=lambda one: one.name.split("-")[1], reverse=True):
            try:
                file = ArrayFile(path)
                file.verify([name for name in file.names if is_index(name) or budget > 0])
                self._adopt(file)
            except (StorageError, KeyError, ValueError, TypeError) as error:
                self._aside(path, error)
            else:
                budget -= file.size
        for found in (self._result.slabs, self._result.runs, self._result.histograms):
            found.reverse()

    def _adopt(self, file: ArrayFile) -> None:
        if file.facts["kind"] == "slab":
            self._result.slabs.append(SealedSlab(file))
        elif file.facts["kind"] == "histograms":
            self._result.histograms.append(self._open_histograms(file.path))
        else:
            self._result.runs.append(SealedPoints(file))

    def _slab_logs(self) -> None:
        paths = sorted(self._directory.wal.glob("slab-*.log"))
        for done, path in enumerate(paths):
            sealed = self._directory.sealed / path.with_suffix(".nrx").name
            # Else the crash came between sealing, or compacting, and removing the log.
            known = sealed.exists() or self._number(path) in self._replaced
            if (known or self._slab_log(path, sealed)) and path.exists():
                self._tried(path.unlink)
            self._log.info("replayed a log", extra={"file": path.name, "done": done + 1, "of": len(paths)})
        if paths:
            self._tried(lambda: sync_directory(self._directory.wal))

    def _slab_log(self, path: Path, sealed: Path) -> bool:
        """Seal what a log holds; whether the log can go."""
        slab, damage = replay_slab(path)
        self._damaged(path, damage)
        if slab is None:
            if damage:  # not even its header, or a version to come: somebody may want it
                self._tried(lambda: set_aside(path))
            return not damage
        try:
            written = write_slab(slab, self._result.table, sealed)
        except OSError as error:
            self._directory.refuse(error)
            packed = pack_slab(slab, self._result.table)
            self._result.unsealed += [] if packed is None else [packed]
            return False
        if written:
            self._adopt(ArrayFile(sealed))
        return True

    def _point_logs(self) -> None:
        for path in sorted(self._directory.wal.glob("points-*.log")):
            sealed = self._directory.sealed / path.with_suffix(".nrx").name
            if not sealed.exists() and self._number(path) not in self._replaced:
                points, damage = replay_points(path, self._live())
                self._damaged(path, damage)
                self._result.points += points
                self._numbers += [self._number(path)] * len(points)
            self._result.loose_logs.append(path)

    def _histogram_logs(self) -> None:
        for path in sorted(self._directory.wal.glob("histograms-*.log")):
            sealed = self._directory.sealed / path.with_suffix(".nrx").name
            if not sealed.exists() and self._number(path) not in self._replaced:
                samples, damage = replay_histograms(path, self._live())
                self._damaged(path, damage)
                self._result.samples += self._without_deleted(self._number(path), samples)
            self._result.loose_logs.append(path)

    def _without_deleted(self, number: int, samples: list[Sample]) -> list[Sample]:
        """They get into another log now, so what was deleted of them goes for good."""
        if not samples or not self._result.deletions:
            return samples
        tombstones = Tombstones()
        tombstones.deletions = self._result.deletions
        refs, times = (np.array([one[at] for one in samples], dtype=np.int64) for at in (0, 1))
        gone = tombstones.gone(number, self._result.table.hashes(refs), times)
        hit = set(refs[gone].tolist())
        left = [one for one, erased in zip(samples, gone.tolist(), strict=True) if not erased]
        return [(*one[:3], unhinted(one[3])) if one[0] in hit else one for one in left]

    def _compact(self) -> None:
        """Forget series without data, and begin a series log that holds the others only.

        References that files hold although the series is lost are never given out again: the samples would turn up
        under another series' name.
        """
        result, live = self._result, self._live()
        used = self._used(len(live))
        kept = np.flatnonzero(used[: len(live)] & live)
        lost = np.flatnonzero(used & ~np.pad(live, (0, len(used) - len(live))))
        snapshot = result.table.snapshot(kept)
        log = records.frame(records.series_payload(snapshot)) if len(kept) else b""
        if self._tried(lambda: replace_file(self._directory.series_log, log)):
            result.table = SeriesTable()
            result.table.load(snapshot)
        result.table.index(lost)
        self._erase_points()

    def _erase_points(self) -> None:
        """Points of logs get into another log now, so what was deleted of them goes for good."""
        if not self._result.deletions:
            return
        tombstones, table = Tombstones(), self._result.table
        tombstones.deletions = self._result.deletions
        hashes = np.zeros(table.count, dtype=np.uint64)
        refs = table.references()
        hashes[refs] = table.hashes(refs)
        self._result.points = [
            tombstones.points(number, points, hashes)
            for number, points in zip(self._numbers, self._result.points, strict=True)
        ]

    def _used(self, count: int) -> NDArray[np.bool_]:
        """For each reference whether something holds samples of it."""
        result = self._result
        parts: list[SealedSlab | PackedSlab | SealedPoints | SealedHistograms]
        parts = [*result.slabs, *result.unsealed, *result.runs, *result.histograms]
        loose = [points.series for points in result.points]
        loose.append(np.array([ref for ref, _, _, _ in result.samples], dtype=np.int64))
        top = max([count, *(part.top() for part in parts), *(int(refs.max(initial=-1)) + 1 for refs in loose)])
        used = np.zeros(top, dtype=np.bool_)
        for part in parts:
            used |= part.holds(top)
            if not isinstance(part, PackedSlab):
                part.file.release()
        for refs in loose:
            used[refs] = True
        return used
