"""Everything a data directory holds, opened beside a server that may be writing to it.

Files are taken in the order in which samples move on: first the logs, then sealed files, then blocks. So samples that
move meanwhile are met twice rather than never; and a file that another one stands for by then is left out. Nothing is
changed on disk, and what is open stays readable after the server has removed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.storage.frames import Points
from narthex.storage.metadata import MetadataBook
from narthex_plugins.tsdb.blocks import Block, open_block
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.histograms.columns import Columns, Sample
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms
from narthex_plugins.tsdb.histograms.store import HistogramStore
from narthex_plugins.tsdb.metadata import replay_metadata
from narthex_plugins.tsdb.replay import replay_histograms, replay_points, replay_series, replay_slab
from narthex_plugins.tsdb.sealed import SealedPoints, SealedSlab
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.tombstones import Deletion, Tombstones, read_deletions
from narthex_plugins.tsdb.versions import refuse_other_versions

__all__ = ["Contents", "survey"]

_ATTEMPTS = 5

T = TypeVar("T")


@dataclass(slots=True)
class Contents:
    """What a directory holds, each sample at least once."""

    table: SeriesTable
    slabs: list[Slab | SealedSlab] = field(default_factory=list)
    runs: list[SealedPoints] = field(default_factory=list)
    points: list[Points] = field(default_factory=list)
    """Points of logs."""
    blocks: list[Block] = field(default_factory=list)
    deletions: tuple[Deletion, ...] = ()
    metadata: MetadataBook = field(default_factory=MetadataBook)
    histograms: HistogramStore = field(default_factory=HistogramStore)
    damage: list[str] = field(default_factory=list)
    """What could not be read, and was left out."""


def survey(path: Path) -> Contents:
    """Read and open everything.

    Raises ``StorageError`` when the directory cannot be read at all, or is in another format version.
    """
    directory = Directory(path)
    if not any(one.is_dir() for one in (directory.wal, directory.sealed, directory.blocks)):
        what = "there are only blocks of Prometheus; import them" if _is_prometheus(path) else "not a data directory"
        raise StorageError(f"{path}: {what}")
    refuse_other_versions(directory)
    for _ in range(_ATTEMPTS):
        before = _identity(directory.series_log)
        try:
            found = _Survey(directory).run()
        except _MovedError:
            continue
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror or error}") from error
        if _identity(directory.series_log) == before:  # else a server has started, and may use references again
            return found
    raise StorageError(f"{path}: files change faster than they can be opened")


class _MovedError(Exception):
    """A file that stood in a listing is gone, and what it has become may have been listed before."""


class _Survey:
    """The steps, in order; each adds to the result."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._result = Contents(SeriesTable())

    def run(self) -> Contents:
        found, directory = self._result, self._directory
        self._deletions()
        slabs = self._each(directory.wal.glob("slab-*.log"), self._slab)
        if directory.series_log.exists():  # written before the rows that name its series, so read after them
            self._damaged(directory.series_log, replay_series(directory.series_log, found.table))
        if directory.metadata_log.exists():
            self._damaged(directory.metadata_log, replay_metadata(directory.metadata_log, found.metadata))
        found.table.index(np.zeros(0, dtype=np.int64))
        points = self._each(directory.wal.glob("points-*.log"), self._points)
        histograms = self._each(directory.wal.glob("histograms-*.log"), self._histograms)
        sealed = self._each(directory.sealed.glob("*.nrx"), self._sealed)
        blocks = self._blocks()
        replaced = {number for block in blocks.values() for number in block.parents}
        gone = replaced | set(sealed)
        found.blocks = [block for number, block in blocks.items() if number not in replaced]
        found.slabs = [one for number, one in slabs.items() if one is not None and number not in gone]
        for number, one in sealed.items():
            if number in replaced:
                continue
            if isinstance(one, SealedHistograms):
                found.histograms.replace((), (one,))
            elif isinstance(one, SealedSlab):
                found.slabs.append(one)
            else:
                found.runs.append(one)
        for number, several in points.items():
            if number not in gone:
                found.points += self._without_deleted(number, several)
        for number, samples in histograms.items():
            if number not in gone:
                found.histograms.restore(samples)
                if found.deletions:
                    found.histograms.erase(partial(self._is_deleted, number), found.table.references())
        return found

    def _deletions(self) -> None:
        """Before the files: a deletion that is forgotten meanwhile has been carried out in files to come."""
        path = self._directory.tombstones
        try:
            self._result.deletions = read_deletions(path)
        except (StorageError, KeyError, ValueError, TypeError) as error:
            if path.exists():
                self._result.damage.append(str(error))

    def _without_deleted(self, number: int, several: list[Points]) -> list[Points]:
        tombstones, table = Tombstones(), self._result.table
        tombstones.deletions = self._result.deletions
        refs = table.references()
        hashes = np.zeros(table.count, dtype=np.uint64)
        hashes[refs] = table.hashes(refs)
        return [tombstones.points(number, points, hashes) for points in several]

    def _is_deleted(self, number: int, columns: Columns) -> NDArray[np.bool_]:
        tombstones = Tombstones()
        tombstones.deletions = self._result.deletions
        return tombstones.gone(number, self._result.table.hashes(columns.refs.astype(np.int64)), columns.times)

    def _each(self, paths: Iterable[Path], read: Callable[[Path], T]) -> dict[int, T]:
        """What can be read, by number; what has gone meanwhile will be met in its next form."""
        found = {}
        for path in sorted(paths):
            try:
                found[_number(path)] = read(path)
            except FileNotFoundError:
                continue
            except (StorageError, KeyError, ValueError, TypeError) as error:
                if path.exists():
                    self._result.damage.append(str(error))
        return found

    def _slab(self, path: Path) -> Slab | None:
        slab, damage = replay_slab(path)
        self._damaged(path, damage)
        return slab

    def _points(self, path: Path) -> list[Points]:
        table = self._result.table
        points, damage = replay_points(path, table.sizes[: table.count] > 0)
        self._damaged(path, damage)
        return points

    def _histograms(self, path: Path) -> list[Sample]:
        table = self._result.table
        samples, damage = replay_histograms(path, table.sizes[: table.count] > 0)
        self._damaged(path, damage)
        return samples

    @staticmethod
    def _sealed(path: Path) -> SealedSlab | SealedPoints | SealedHistograms:
        file = ArrayFile(path)
        file.verify(file.names)  # there are few, and a page of theirs has no checksum of its own
        if file.facts["kind"] == "histograms":
            return SealedHistograms(file, _raise)
        return SealedSlab(file) if file.facts["kind"] == "slab" else SealedPoints(file)

    def _blocks(self) -> dict[int, Block]:
        paths = sorted(self._directory.blocks.glob("block-*.nrx"))
        found = self._each(paths, open_block)
        if any(not path.exists() for path in paths):
            raise _MovedError
        return found

    def _damaged(self, path: Path, damage: str) -> None:
        # The end of a log may be half written while a server runs; it is damage after a clean stop only.
        if damage and not (self._directory.path / "lock").exists():
            self._result.damage.append(f"{path}: {damage}")


def _raise(error: StorageError) -> None:
    raise error


def _number(path: Path) -> int:
    return int(path.stem.split("-")[1])


def _identity(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _is_prometheus(path: Path) -> bool:
    return any((one / "meta.json").is_file() for one in path.iterdir()) if path.is_dir() else False
