"""An open block: its labels by matcher, its samples as frames, both read from the mapped file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.model.sample import is_missing
from narthex.storage.frames import NO_TIME, Frame, HistogramPoints, Points, Selection
from narthex_plugins.tsdb.blocks.cells import frames_of
from narthex_plugins.tsdb.blocks.histograms import HistogramSection
from narthex_plugins.tsdb.blocks.labels import read_labels
from narthex_plugins.tsdb.blocks.matching import BlockMatching
from narthex_plugins.tsdb.blocks.plan import Extent
from narthex_plugins.tsdb.blocks.samples import Samples
from narthex_plugins.tsdb.blocks.section import SectionReader
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.points import joined_points

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
        self.histograms = HistogramSection(file, damaged) if "histogram.pages" in file.names else None
        """None when no series has any."""
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
        plain = ~self._started(columns)
        return frames_of(self.floats, columns[plain], rows[at[plain]], start, end)

    def points(self, series: Ints, rows: Ints, start: int, end: int) -> Points:
        """What frames cannot show: series with start timestamps, and samples of the moment 0, there a sign for none.

        Not sorted.
        """
        if self.max_time < start or self.min_time > end:
            return Points.none()
        zero = max(start, self.min_time) <= NO_TIME <= min(end, self.max_time)
        if not zero and self.floats.starts is None:  # as of nearly all blocks: looking the series up is for frames
            return Points.none()
        columns, at = self.floats.locate(series)
        started = self._started(columns)
        wanted = np.arange(len(columns)) if zero else np.flatnonzero(started)
        parts: list[Points] = []
        for place in wanted.tolist():
            low, high = (start, end) if started[place] else (NO_TIME, NO_TIME)
            found = self.floats.window(int(columns[place]), low, high)
            if found is not None:
                times, values, starts = _present(*found)
                parts.append(Points(np.full(len(times), rows[at[place]]), times, values, starts))
        return joined_points(parts)

    def histogram_points(self, series: Ints, rows: Ints, start: int, end: int) -> HistogramPoints:
        """The histograms of some series (ascending) in a window (inclusive); ``rows`` are as in :meth:`frames`."""
        if self.histograms is None or self.max_time < start or self.min_time > end:
            return HistogramPoints.none()
        found = self.histograms.pick(series, start, end)
        return replace(found, series=rows[found.series])

    def histogram_weight(self, series: Ints, start: int, end: int) -> int:
        """For about how many float samples those count."""
        if self.histograms is None or self.max_time < start or self.min_time > end:
            return 0
        return self.histograms.weight(series, start, end)

    def _started(self, columns: Ints) -> NDArray[np.bool_]:
        """Which of the columns have start timestamps."""
        if self.floats.starts is None:
            return np.zeros(len(columns), dtype=np.bool_)
        return np.isin(self.floats.series[columns], self.floats.starts.series)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Series that satisfy all matchers with their samples of ``start`` <= t <= ``end``."""
        series = self.match(matchers)
        rows = np.arange(len(series))
        points = self.points(series, rows, start, end)  # by row, each in order of time
        histograms = self.histogram_points(series, rows, start, end)
        return Selection(self.table(series), self.frames(series, rows, start, end), points, histograms)

    def __iter__(self) -> Iterator[tuple[Labels, Ints, NDArray[np.float64]]]:
        """Every series with its floats, in order: labels, times, values."""
        for low in range(0, self.series, 1024):
            numbers = np.arange(low, min(low + 1024, self.series))
            for number, labels in zip(numbers.tolist(), self.table(numbers).all_labels(), strict=True):
                yield labels, *self.of(number)

    def of(self, series: int) -> tuple[Ints, NDArray[np.float64]]:
        """All floats of one series: times and values."""
        columns, _ = self.floats.locate(np.array([series]))
        if not len(columns):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        times, values, _ = self.column(int(columns[0]))
        return times, values

    def column(self, column: int) -> Samples:
        """All floats of one column."""
        times = self.floats.group_times(int(self.floats.group[column]))
        return _present(times, self.floats.column_values(column), self.floats.column_starts(column))

    def verify(self) -> None:
        """Compare every checksum of the file. Raises ``StorageError``."""
        self.file.verify(self.file.names)

    @property
    def pages(self) -> int:
        """Pages of values, and segments of histograms: what is decoded for itself."""
        return len(self.floats.values.size) + (0 if self.histograms is None else len(self.histograms.series))

    def release(self) -> None:
        """Give back the pages of memory that readers touched."""
        self.file.release()


def _present(times: Ints, values: NDArray[np.float64], starts: Ints | None) -> Samples:
    there = ~is_missing(values)
    return times[there], values[there], None if starts is None else starts[there]
