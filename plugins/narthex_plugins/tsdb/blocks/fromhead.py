"""From the head to a block: many slabs and points of two hours as one file, each series once.

Series that went the same way through the slabs, column of the same target in each, share one group of times. Their
cells are gathered from all slabs, a handful of megabytes at a time, in the order in which the block has its series: by
metric, so that what a query wants lies together. Series that did not keep to rows (two lanes, points) are put in order
sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING
from narthex.storage.frames import NO_TIME
from narthex_plugins.tsdb.blocks.finishing import EmptyError, finish
from narthex_plugins.tsdb.blocks.histogrammerge import HistogramMerge, HistogramSource
from narthex_plugins.tsdb.blocks.histograms import HistogramSection
from narthex_plugins.tsdb.blocks.labels import order_of
from narthex_plugins.tsdb.blocks.samples import Erased, Samples, inside, numbered, settled
from narthex_plugins.tsdb.blocks.writer import BlockWriter
from narthex_plugins.tsdb.points import Run
from narthex_plugins.tsdb.series import SeriesTable

__all__ = ["HeadColumns", "write_head_block"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CELLS = 1 << 20
_COLUMNS = 512
"""Cells (8 MB) and columns gathered at a time: each holds the interpreter for a few milliseconds."""


class HeadHistograms(Protocol):
    """A sealed file of histograms as compaction sees it; its section numbers series by reference."""

    number: int
    section: HistogramSection


class HeadColumns(Protocol):
    """A sealed slab as compaction sees it: ``refs`` ascending, and for each its group; ``times`` ``[rows, groups]``."""

    number: int
    min_time: int
    refs: NDArray[np.int32]
    group: NDArray[np.int32]
    times: Ints

    def cells(self, at: Ints) -> Floats:
        """All rows of the columns at these places of ``refs``: float64 ``[rows, len(at)]``, a copy."""


@dataclass(frozen=True, slots=True)
class _Way:
    """What series with the same way share: the rows they have (of all slabs, one behind the other) and their times.

    ``group`` is the block's group of these times, or -1 where they do not ascend.
    """

    rows: Ints
    times: Ints
    group: int


class _Sources:
    """All slabs, oldest first, and where the series (``refs``, ascending) stand in them."""

    def __init__(self, slabs: Sequence[HeadColumns], refs: Ints, hashes: NDArray[np.uint64], erased: Erased) -> None:
        self._hashes = hashes
        self._erased = erased
        self.slabs = sorted(slabs, key=lambda one: one.min_time)
        self.starts = np.concatenate([[0], np.cumsum([len(one.times) for one in self.slabs])]).astype(np.int64)
        self.way = np.zeros(len(refs), dtype=np.int64)
        self.apart = np.zeros(len(refs), dtype=np.bool_)
        """Series that stand in a slab twice."""
        self.columns: list[NDArray[np.int32]] = []
        """For each slab the place of each series in its ``refs``, or -1."""
        ways, known = 1, None
        for slab in self.slabs:
            if known is None or not np.array_equal(known, slab.refs):  # mostly the same targets one after the other
                known = slab.refs
                column = np.full(len(refs), -1, dtype=np.int32)
                places = np.minimum(np.searchsorted(refs, known.astype(np.int64)), len(refs) - 1)
                here = np.flatnonzero(refs[places] == known)
                column[places[here][::-1]] = here[::-1]  # of several the first
            self.apart |= np.bincount(places[here], minlength=len(refs)) > 1
            self.columns.append(column)
            groups = slab.times.shape[1] + 1
            group = np.where(column >= 0, slab.group[column] + 1, 0)
            self.way, ways = numbered(self.way * groups + group, ways * groups)
        self.rows = int(self.starts[-1])

    def cells(self, chosen: Ints) -> Floats:
        """All rows of some series: float64 ``[series, rows]``, ``MISSING`` where a slab does not have them."""
        found = np.full((len(chosen), self.rows), MISSING)
        for slab, column, start in zip(self.slabs, self.columns, self.starts.tolist(), strict=False):
            at = column[chosen].astype(np.int64)
            here = np.flatnonzero(at >= 0)
            if len(here):
                found[here, start : start + len(slab.times)] = self._read(slab, chosen[here], at[here]).T
        return found

    def _read(self, slab: HeadColumns, series: Ints, at: Ints) -> Floats:
        """Columns of a slab without what was deleted."""
        cells = slab.cells(at)
        erased = self._erased.get(slab.number)
        if erased:
            for place, key in enumerate(self._hashes[series].tolist()):
                if key in erased:
                    cells[inside(slab.times[:, slab.group[at[place]]], erased[key]), place] = MISSING
        return cells

    def times(self, series: int) -> Ints:
        """The time of every row for one series, ``NO_TIME`` where there is none."""
        found = np.full(self.rows, NO_TIME, dtype=np.int64)
        for slab, column, start in zip(self.slabs, self.columns, self.starts.tolist(), strict=False):
            at = int(column[series])
            if at >= 0:
                found[start : start + len(slab.times)] = slab.times[:, slab.group[at]]
        return found

    def every(self, series: int, ref: int) -> list[Samples]:
        """The samples of each column of a series."""
        found: list[Samples] = []
        own = np.array([series])
        for slab in self.slabs:
            low, high = np.searchsorted(slab.refs, np.array([ref, ref + 1], dtype=np.int32)).tolist()
            for at in range(low, high):
                times = slab.times[:, slab.group[at]]
                there = times != NO_TIME
                found.append((times[there], self._read(slab, own, np.array([at]))[there, 0], None))
        return found


class _Head:
    """Writes the series into a block, chunk by chunk."""

    def __init__(
        self, block: BlockWriter, sources: _Sources, refs: Ints, points: Run | None, histograms: HistogramMerge
    ) -> None:
        self._block = block
        self._sources = sources
        self._refs = refs
        self._points = points
        self._histograms = histograms
        self._ways: dict[int, _Way] = {}
        self._own = np.zeros(len(refs), dtype=np.bool_) if points is None else np.isin(refs, points.refs)
        self.written: list[int] = []

    def write(self, order: Ints, pause: Callable[[], None]) -> None:
        width = min(_COLUMNS, max(1, _CELLS // max(1, self._sources.rows)))
        for at in range(0, len(order), width):
            chosen = order[at : at + width]
            for series, cells in zip(chosen.tolist(), self._sources.cells(chosen), strict=True):
                self._column(series, cells)
            pause()

    def _column(self, series: int, cells: Floats) -> None:
        way = self._way(series)
        loose = way.group < 0 or self._own[series] or self._sources.apart[series]
        if not loose:
            values = cells if len(way.rows) == len(cells) else cells[way.rows]
            self._block.floats.column(len(self.written), way.group, values)
        else:
            times, values, starts = settled(self._runs(series, way, cells))
            if len(times):
                self._block.floats.column(len(self.written), self._block.floats.group(times), values, starts)
            elif not self._histograms.there[series]:
                return
        self.written.append(series)

    def _runs(self, series: int, way: _Way, cells: Floats) -> list[Samples]:
        ref = int(self._refs[series])
        runs: list[Samples] = [(way.times, cells[way.rows], None)]
        if self._sources.apart[series]:
            runs = self._sources.every(series, ref)
        points = self._points
        if points is not None and self._own[series]:
            low, high = np.searchsorted(points.refs, np.array([ref, ref + 1], dtype=np.int32)).tolist()
            starts = None if points.starts is None else points.starts[low:high]
            runs.append((points.times[low:high], points.values[low:high], starts))
        return runs

    def _way(self, series: int) -> _Way:
        number = int(self._sources.way[series])
        known = self._ways.get(number)
        if known is None:
            times = self._sources.times(series)
            rows = np.flatnonzero(times != NO_TIME)
            times = times[rows]
            ascending = len(times) > 0 and bool((np.diff(times) > 0).all())
            known = self._ways[number] = _Way(rows, times, self._block.floats.group(times) if ascending else -1)
        return known


def write_head_block(  # noqa: PLR0913 -- three kinds of samples, and how they become a block
    path: Path,
    slabs: Sequence[HeadColumns],
    points: Run | None,
    table: SeriesTable,
    *,
    histograms: Sequence[HeadHistograms] = (),
    span: tuple[int, int],
    parents: Sequence[int],
    erased: Erased | None = None,
    pause: Callable[[], None] = lambda: None,
) -> bool:
    """Write the block of some slabs, points and histograms; False, and no file, when there is no sample.

    Series that the table does not know are left out, and so is what ``erased`` says of slabs and histograms. ``pause``
    is called every few milliseconds of work. Raises ``OSError``, and ``StorageError`` when histograms are damaged.
    """
    every = [np.unique(slab.refs) for slab in slabs] + ([] if points is None else [np.unique(points.refs)])
    every += [np.unique(one.section.series).astype(np.int32) for one in histograms]
    refs: Ints = np.unique(np.concatenate([np.zeros(0, np.int32), *every])).astype(np.int64)
    refs = refs[table.has(refs)]
    if not len(refs):
        return False
    labels, hashes, gone = table.table(refs), table.hashes(refs), erased or {}
    merge = HistogramMerge([HistogramSource(one.section, refs, gone.get(one.number, {})) for one in histograms], hashes)
    order, _ = order_of(labels)
    try:
        with BlockWriter(path, parents=parents, span=span) as block:
            head = _Head(block, _Sources(slabs, refs, hashes, gone), refs, points, merge)
            head.write(order, pause)
            finish(block, labels, head.written, merge, pause)
    except EmptyError:
        return False
    return True
