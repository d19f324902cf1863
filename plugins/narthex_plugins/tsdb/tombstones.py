"""What was deleted and not yet removed: series by the hash of their labels, a span of time, the files it concerns.

A deletion hides samples from readers at once; they go when their file is written anew, by compaction or on demand. It
names the files that were there, because samples that arrive later must not vanish. When none of its files is left, a
deletion has done its work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING
from narthex.storage.frames import Frame, HistogramPoints, Points
from narthex_plugins.tsdb.blocks.samples import Erased
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter
from narthex_plugins.tsdb.histograms.joining import points_without

__all__ = ["Deletion", "Tombstones", "read_deletions", "write_deletions"]

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Deletion:
    """Series (``hashes``, ascending) have no samples of ``start`` <= t <= ``end`` (ms) in ``files`` (numbers)."""

    hashes: Hashes
    start: int
    end: int
    files: frozenset[int]

    def covers(self, hashes: Hashes, times: Ints) -> NDArray[np.bool_]:
        """Which samples, given by series hash and time (arrays that broadcast), it deletes, whatever their file."""
        found: NDArray[np.bool_] = np.isin(hashes, self.hashes) & (times >= self.start) & (times <= self.end)
        return found


class Tombstones:
    """All deletions; readers take the tuple once."""

    def __init__(self) -> None:
        self.deletions: tuple[Deletion, ...] = ()
        self._lock = threading.Lock()
        self.keep: Callable[[Collection[Deletion]], None] = lambda _: None
        """Makes them durable. Raises ``OSError``."""

    def add(self, deletion: Deletion) -> None:
        """Something was deleted. Raises ``OSError``, and deletes nothing, when that cannot be written down."""
        with self._lock:
            self.keep([*self.deletions, deletion])
            self.deletions = (*self.deletions, deletion)

    def prune(self, files: Collection[int]) -> None:
        """Forget deletions that apply to none of these files, which are all there are. Raises ``OSError``."""
        left = frozenset(files)
        with self._lock:
            kept = [replace(one, files=one.files & left) for one in self.deletions if one.files & left]
            if [one.files for one in kept] != [one.files for one in self.deletions]:
                self.keep(kept)
                self.deletions = tuple(kept)

    def files(self) -> set[int]:
        """The files that hold something deleted."""
        return {number for one in self.deletions for number in one.files}

    def erased(self, files: Iterable[int]) -> Erased:
        """What compaction has to leave out of some files."""
        found: dict[int, dict[int, list[tuple[int, int]]]] = {}
        for number in files:
            for one in self.deletions:
                if number in one.files:
                    by_hash = found.setdefault(number, {})
                    for key in one.hashes.tolist():
                        by_hash.setdefault(key, []).append((one.start, one.end))
        return found

    def gone(self, number: int, hashes: Hashes, times: Ints) -> NDArray[np.bool_]:
        """Which samples of a file, given by series hash and time (arrays that broadcast), are deleted."""
        found = np.zeros(np.broadcast_shapes(hashes.shape, times.shape), dtype=np.bool_)
        for one in self.deletions:
            if number in one.files:
                found |= one.covers(hashes, times)
        return found

    def frame(self, number: int, frame: Frame, hashes: Hashes) -> list[Frame]:
        """A frame of a file without what was deleted; ``hashes`` are those of the selection's rows."""
        known = [one for one in self.deletions if number in one.files]
        own = hashes[frame.series]
        hit = np.zeros(len(own), dtype=np.bool_)
        for one in known:
            hit |= np.isin(own, one.hashes)
        if not hit.any():
            return [frame]
        at, rest = np.flatnonzero(hit), np.flatnonzero(~hit)
        cells = np.take(frame.matrix, frame.columns[at], axis=1).copy()
        cells[self.gone(number, own[at], frame.times[:, frame.group[at]])] = MISSING
        masked = Frame(cells, np.arange(len(at)), frame.series[at], frame.times, frame.group[at])
        if not len(rest):
            return [masked]
        return [Frame(frame.matrix, frame.columns[rest], frame.series[rest], frame.times, frame.group[rest]), masked]

    def points(self, number: int, points: Points, hashes: Hashes) -> Points:
        """Points of a file without what was deleted; ``hashes`` are those of the selection's rows."""
        kept = ~self.gone(number, hashes[points.series], points.times)
        if kept.all():
            return points
        starts = None if points.starts is None else points.starts[kept]
        return Points(points.series[kept], points.times[kept], points.values[kept], starts)

    def histograms(self, number: int, points: HistogramPoints, hashes: Hashes) -> HistogramPoints:
        """The same of histograms, sorted by series and time."""
        gone = self.gone(number, hashes[points.series], points.times)
        return points_without(points, gone) if gone.any() else points


def write_deletions(path: Path, deletions: Collection[Deletion]) -> None:
    """Write all deletions into one file, or remove the file when there are none. Raises ``OSError``."""
    if not deletions:
        path.unlink(missing_ok=True)
        return
    facts = [{"start": one.start, "end": one.end, "files": sorted(one.files)} for one in deletions]
    with ArrayFileWriter(path, {"kind": "tombstones", "deletions": facts}) as file:
        for number, one in enumerate(deletions):
            file.put(f"hash.{number}", "<u8", one.hashes)


def read_deletions(path: Path) -> tuple[Deletion, ...]:
    """Read what :func:`write_deletions` wrote; nothing without a file. Raises ``StorageError``."""
    if not path.exists():
        return ()
    file = ArrayFile(path)
    file.verify(file.names)
    return tuple(
        Deletion(file.array(f"hash.{number}").copy(), one["start"], one["end"], frozenset(one["files"]))
        for number, one in enumerate(file.facts["deletions"])
    )
