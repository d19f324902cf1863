"""An open block: its labels by matcher, its samples as frames, both read from the mapped file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.model.sample import is_missing
from narthex.storage.frames import NO_TIME, Frame, Points, Selection
from narthex_plugins.tsdb.blocks.cells import frames_of
from narthex_plugins.tsdb.blocks.labels import read_labels
from narthex_plugins.tsdb.blocks.matching import BlockMatching
from narthex_plugins.tsdb.blocks.plan import Extent
from narthex_plugins.tsdb.blocks.section import SectionReader
from narthex_plugins.tsdb.container import ArrayFile

__all__ = ["Block", "open_block"]

Ints = NDArray[np.int64]

_PAYLOADS = ".pages"


def open_block(path: Path, damaged: Callable[[StorageError], None] | None = None) -> Block:
    """Open a block; its index is verified, its pages when they are read. Raises ``StorageError``.

    ``damaged`` is told about every damaged page that a reader meets; without it that raises.
    """
    file = ArrayFile(path)
    if file.facts.get("kind") != "block":
        raise StorageError(f"{path}: not a block")
    file.verify(name for name in file.names if not name.endswith(_PAYLOADS))
    return Block(file, damaged or _raise)


def _raise(error: StorageError) -> None:
    raise error


class Block:
    """Series are numbered from 0 in order of their labels; times are ms since the epoch."""

    def __init__(self, file: ArrayFile, damaged: Callable[[StorageError], None]) -> None:
        self.file = file
        facts = file.facts
        self.number: int = facts["number"]
        self.level: int = facts["level"]
        self.parents: tuple[int, ...] = tuple(facts["parents"])
        """Numbers of the files that this block replaces."""
        self.min_time: int = facts["min_time"]
        self.max_time: int = facts["max_time"]
        self.extent = Extent(self.number, facts["start"], facts["end"], self.max_time, file.size)
        self.series: int = facts["series"]
        self.samples: int = facts["samples"]
        self.labels = read_labels(file)
        self.hashes: NDArray[np.uint64] = file.array("hash")
        """The hash of each series' labels (:mod:`.hashing`)."""
        self.floats = SectionReader(file, damaged)
        self.matching = BlockMatching(self.labels, self.series)

    def match(self, matchers: Sequence[Matcher]) -> Ints:
        """The numbers of the series that satisfy all matchers, ascending."""
        return self.matching.series(matchers)

    def table(self, series: Ints) -> LabelTable:
        """The labels of some series, with dictionaries of their own."""
        found = {name: label.column(series) for name, label in self.labels.items()}
        return LabelTable(len(series), {name: one for name, one in found.items() if one is not None})

    def frames(self, series: Ints, rows: Ints, start: int, end: int) -> list[Frame]:
        """Frames of some series (ascending) in a window (inclusive); ``rows`` are their rows in the selection."""
        if self.max_time < start or self.min_time > end:
            return []
        columns, at = self.floats.locate(series)
        return frames_of(self.floats, columns, rows[at], start, end)

    def moment_zero(self, series: Ints, rows: Ints, start: int, end: int) -> Points:
        """Samples of the very moment 0, which frames cannot show: there it means that there is none."""
        if not (max(start, self.min_time) <= NO_TIME <= min(end, self.max_time)):
            return Points.none()
        found: list[tuple[int, np.float64]] = []
        columns, at = self.floats.locate(series)
        for column, row in zip(columns.tolist(), rows[at].tolist(), strict=True):
            here = np.flatnonzero(self.floats.group_times(int(self.floats.group[column])) == NO_TIME)
            if len(here) and not is_missing(value := self.floats.column_values(column)[here]):
                found.append((row, value[0]))
        values = np.array([one[1] for one in found], dtype=np.float64)
        return Points(np.array([one[0] for one in found], np.int64), np.zeros(len(found), np.int64), values)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Series that satisfy all matchers with their samples of ``start`` <= t <= ``end``."""
        series = self.match(matchers)
        rows = np.arange(len(series))
        points = self.moment_zero(series, rows, start, end)
        return Selection(self.table(series), self.frames(series, rows, start, end), points)

    def __iter__(self) -> Iterator[tuple[Labels, Ints, NDArray[np.float64]]]:
        """Every series with its samples, in order: labels, times, values."""
        for low in range(0, self.series, 1024):
            numbers = np.arange(low, min(low + 1024, self.series))
            for number, labels in zip(numbers.tolist(), self.table(numbers).all_labels(), strict=True):
                yield labels, *self.of(number)

    def of(self, series: int) -> tuple[Ints, NDArray[np.float64]]:
        """All samples of one series: times and values."""
        columns, _ = self.floats.locate(np.array([series]))
        if not len(columns):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        column = int(columns[0])
        times = self.floats.group_times(int(self.floats.group[column]))
        values = self.floats.column_values(column)
        there = ~is_missing(values)
        return times[there], values[there]

    def verify(self) -> None:
        """Compare every checksum of the file. Raises ``StorageError``."""
        self.file.verify(self.file.names)

    def release(self) -> None:
        """Give back the pages of memory that readers touched."""
        self.file.release()
