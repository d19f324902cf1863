"""A data directory opened for reading only, without a lock, beside a server that may be writing to it.

What is seen is what was written when it was opened. Files are taken in the order in which samples move on: first the
logs, then sealed files, then blocks. So samples that move meanwhile are met twice rather than never; and a file that
another one stands for by then is left out. Nothing is changed on disk, and what is open stays readable after the server
has removed it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.storage.frames import Points, Selection
from narthex.storage.protocol import StorageStats, StoredData
from narthex_plugins.tsdb.blocks import Block, open_block
from narthex_plugins.tsdb.cardinality import table_counts
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.histograms.store import HistogramStore
from narthex_plugins.tsdb.parts import Parts
from narthex_plugins.tsdb.points import PointStore
from narthex_plugins.tsdb.replay import replay_points, replay_series, replay_slab
from narthex_plugins.tsdb.sealed import SealedPoints, SealedSlab
from narthex_plugins.tsdb.selecting import Reader
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.tombstones import Deletion, Tombstones, read_deletions

__all__ = ["Contents", "StoredTsdb", "read_directory", "survey"]

log = logging.getLogger(__name__)

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
    damage: list[str] = field(default_factory=list)
    """What could not be read, and was left out."""


def read_directory(path: Path) -> StoredTsdb:
    """Open a data directory. Raises ``StorageError`` when it is none; damage inside is logged and left out."""
    contents = survey(path)
    for what in contents.damage:
        log.warning("damaged data was left out", extra={"damage": what, "directory": str(path)})
    return StoredTsdb(contents)


def survey(path: Path) -> Contents:
    """Read and open everything. Raises ``StorageError`` when the directory cannot be read at all."""
    directory = Directory(path)
    if not any(one.is_dir() for one in (directory.wal, directory.sealed, directory.blocks)):
        what = "there are only blocks of Prometheus; import them" if _is_prometheus(path) else "not a data directory"
        raise StorageError(f"{path}: {what}")
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


class StoredTsdb:
    """See :class:`narthex.storage.protocol.StoredData`."""

    def __init__(self, contents: Contents) -> None:
        parts, points, tombstones = Parts(), PointStore(), Tombstones()
        parts.exchange((), contents.slabs, contents.blocks)
        for run in contents.runs:
            points.replace((), run)
        for one in contents.points:
            points.restore(one)
        runs = points.freeze()
        tombstones.deletions = contents.deletions
        self._reader: Reader | None = Reader(contents.table, parts, points, HistogramStore(), tombstones)
        held = [*contents.slabs, *runs, *contents.blocks]
        self._bounds = min((one.min_time for one in held), default=0), max((one.max_time for one in held), default=0)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().select(matchers, start, end)

    def label_names(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().label_names(matchers, start, end)

    def label_values(self, name: str, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().label_values(name, matchers, start, end)

    def series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[Labels]:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().series(matchers, start, end)

    def stats(self, limit: int) -> StorageStats:
        """See :class:`narthex.storage.protocol.StorageReader`; blocks are counted too."""
        low, high = self._bounds
        return table_counts(self._open().labels([], low, high), limit, low, high)

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        self._reader = None

    def _open(self) -> Reader:
        if self._reader is None:
            raise StorageError("the database is closed")
        return self._reader


_: type[StoredData] = StoredTsdb


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
        found.table.index(np.zeros(0, dtype=np.int64))
        points = self._each(directory.wal.glob("points-*.log"), self._points)
        sealed = self._each(directory.sealed.glob("*.nrx"), self._sealed)
        blocks = self._blocks()
        replaced = {number for block in blocks.values() for number in block.parents}
        gone = replaced | set(sealed)
        found.blocks = [block for number, block in blocks.items() if number not in replaced]
        found.slabs = [one for number, one in slabs.items() if one is not None and number not in gone]
        for number, one in sealed.items():
            if number not in replaced:
                (found.slabs if isinstance(one, SealedSlab) else found.runs).append(one)  # type: ignore[arg-type]
        for number, several in points.items():
            if number not in gone:
                found.points += self._without_deleted(number, several)
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

    def _each(self, paths: Iterable[Path], read: Callable[[Path], T]) -> dict[int, T]:
        """What can be read, by number; what has gone meanwhile will be met in its next form."""
        found = {}
        for path in sorted(paths):
            try:
                found[int(path.stem.split("-")[1])] = read(path)
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

    @staticmethod
    def _sealed(path: Path) -> SealedSlab | SealedPoints:
        file = ArrayFile(path)
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


def _identity(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _is_prometheus(path: Path) -> bool:
    return any((one / "meta.json").is_file() for one in path.iterdir()) if path.is_dir() else False
