"""Several blocks as one: the next level of compaction, and blocks that overlap.

A series whose blocks follow one another keeps its pages as they are: bytes are copied, nothing is decoded. Only where
blocks overlap, samples were deleted, or pages have become many and short, samples are taken out and written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import NO_START
from narthex_plugins.tsdb.blocks.block import Block
from narthex_plugins.tsdb.blocks.finishing import EmptyError, finish
from narthex_plugins.tsdb.blocks.histogrammerge import HistogramMerge, HistogramSource
from narthex_plugins.tsdb.blocks.labels import order_of
from narthex_plugins.tsdb.blocks.pages import Pages, page_rows
from narthex_plugins.tsdb.blocks.samples import Erased, Intervals, Samples, inside, numbered, settled
from narthex_plugins.tsdb.blocks.tables import joined
from narthex_plugins.tsdb.blocks.writer import BlockWriter
from narthex_plugins.tsdb.points import joined_starts

__all__ = ["write_merged_block"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BATCH = 512


@dataclass(frozen=True, slots=True)
class _Way:
    """What series with the same way through the blocks share; ``group`` is -1 where samples must be sorted."""

    group: int
    copy: bool


class _Merge:
    """The series of all blocks, found by the hash of their labels."""

    def __init__(self, blocks: Sequence[Block], erased: Erased) -> None:
        self.blocks = blocks
        hashes = np.concatenate([block.hashes for block in blocks])
        self.hashes, first, place = np.unique(hashes, return_index=True, return_inverse=True)
        self.columns: list[Ints] = []
        """For each block the column of each series, or -1."""
        self.way = np.zeros(len(self.hashes), dtype=np.int64)
        tables, rows, ways, at = [], [], 1, 0
        sources: list[tuple[int, HistogramSource]] = []
        for block in blocks:
            own = place.reshape(-1)[at : at + block.series]
            new = np.flatnonzero((first >= at) & (first < at + block.series))
            tables.append(block.table(first[new] - at))
            rows.append(new)
            column = np.full(len(self.hashes), -1, dtype=np.int64)
            found, there = block.floats.locate(np.arange(block.series))
            column[own[there]] = found
            self.columns.append(column)
            if block.histograms is not None:
                number = np.full(len(self.hashes), -1, dtype=np.int64)
                number[own] = np.arange(block.series)
                source = HistogramSource(block.histograms, number, erased.get(block.number, {}))
                sources.append((block.number, source))
            groups = len(block.floats.group_first)
            group = np.zeros(len(column), dtype=np.int64)
            group[column >= 0] = block.floats.group[column[column >= 0]].astype(np.int64) + 1
            self.way, ways = numbered(self.way * groups + group, ways * groups)
            at += block.series
        back = np.argsort(np.concatenate(rows), kind="stable")
        self.labels = joined(tables).take(back)
        sources.sort(key=lambda one: one[0])
        self.histograms = HistogramMerge([source for _, source in sources], self.hashes)

    def pieces(self, series: int) -> list[tuple[Block, int]]:
        """The blocks that have a series, and its column in each."""
        return [
            (block, int(column[series]))
            for block, column in zip(self.blocks, self.columns, strict=True)
            if column[series] >= 0
        ]


class _Writer:
    def __init__(self, block: BlockWriter, merge: _Merge, erased: Erased) -> None:
        self._block = block
        self._merge = merge
        self._erased = erased
        self._ways: dict[int, _Way] = {}
        self.written: list[int] = []

    def write(self, order: Ints, pause: Callable[[], None]) -> None:
        for at, series in enumerate(order.tolist()):
            self._series(series)
            if at % _BATCH == _BATCH - 1:
                pause()

    def _series(self, series: int) -> None:
        pieces = self._merge.pieces(series)
        if (pieces and self._floats(series, pieces)) or self._merge.histograms.there[series]:
            self.written.append(series)

    def _floats(self, series: int, pieces: list[tuple[Block, int]]) -> bool:
        """Write the floats of a series; False when none are left."""
        floats, number = self._block.floats, len(self.written)
        way = self._way(series, pieces)
        erased = self._intervals(series, pieces) if self._erased else {}
        if way.group < 0 or erased:
            pieces.sort(key=lambda one: one[0].number)
            times, values, starts = settled([self._left(*piece, erased) for piece in pieces])
            if not len(times):
                return False
            floats.column(number, floats.group(times), values, starts)
        elif way.copy:
            floats.pages(number, way.group, *_encoded(pieces))
        else:
            floats.column(number, way.group, *_cells(pieces))
        return True

    def _intervals(self, series: int, pieces: Sequence[tuple[Block, int]]) -> dict[int, Intervals]:
        """What was deleted of a series, by block."""
        key = int(self._merge.hashes[series])
        found = {block.number: self._erased.get(block.number, {}).get(key, ()) for block, _ in pieces}
        return {number: one for number, one in found.items() if one}

    @staticmethod
    def _left(block: Block, column: int, erased: Mapping[int, Intervals]) -> Samples:
        times, values, starts = block.column(column)
        there = ~inside(times, erased.get(block.number, ()))
        return times[there], values[there], None if starts is None else starts[there]

    def _way(self, series: int, pieces: Sequence[tuple[Block, int]]) -> _Way:
        number = int(self._merge.way[series])
        known = self._ways.get(number)
        if known is None:
            groups = [(block, int(block.floats.group[column])) for block, column in pieces]
            times = np.concatenate([block.floats.group_times(group) for block, group in groups])
            lengths = [length for block, group in groups for length in block.floats.lengths(group)]
            copy = len(lengths) <= 2 * len(page_rows(len(times)))
            ascending = bool((np.diff(times) > 0).all())
            group = self._block.floats.group(times, lengths if copy else None) if ascending else -1
            known = self._ways[number] = _Way(group, copy)
        return known


def _encoded(pieces: Sequence[tuple[Block, int]]) -> tuple[Pages, Pages]:
    """The pages of a series as they are, of values and of start timestamps (none: all unknown)."""
    values: list[int | bytes] = []
    starts: list[int | bytes] = []
    for block, column in pieces:
        own = block.floats.encoded(column)
        values += own
        starts += block.floats.encoded_starts(column) or [NO_START] * len(own)
    return values, starts if any(starts) else ()


def _cells(pieces: Sequence[tuple[Block, int]]) -> tuple[Floats, Ints | None]:
    """All cells of a series, and their start timestamps."""
    values = [block.floats.column_values(column) for block, column in pieces]
    starts = [block.floats.column_starts(column) for block, column in pieces]
    return np.concatenate(values), joined_starts(list(zip(starts, map(len, values), strict=True)))


def write_merged_block(
    path: Path,
    blocks: Sequence[Block],
    *,
    erased: Erased | None = None,
    pause: Callable[[], None] = lambda: None,
) -> bool:
    """Write what some blocks hold as one; False, and no file, when nothing is left. Raises ``OSError``.

    Of samples with one time the one of the block with the larger number stays. Raises ``StorageError`` when a page
    is damaged.
    """
    blocks = sorted(blocks, key=lambda one: (one.extent.start, one.number))
    merge = _Merge(blocks, erased or {})
    order, _ = order_of(merge.labels)
    span = min(one.extent.start for one in blocks), max(one.extent.end for one in blocks)
    parents = [one.number for one in blocks]
    level = 1 + max(one.level for one in blocks)
    try:
        with BlockWriter(path, level=level, parents=parents, span=span) as block:
            writer = _Writer(block, merge, erased or {})
            writer.write(order, pause)
            finish(block, merge.labels, writer.written, merge.histograms, pause)
    except EmptyError:
        return False
    return True
