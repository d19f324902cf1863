"""The histograms of several files as those of one: from the head to a block, and from blocks to a larger one.

A series whose files follow one another keeps its segments as they are: bytes are copied, nothing is decoded. Only where
files overlap, samples were deleted, or segments have become many and short, samples are taken out and written anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.tsdb.blocks.histograms import HistogramSection
from narthex_plugins.tsdb.blocks.histogramwriter import SEGMENT_ROWS, HistogramWriter
from narthex_plugins.tsdb.blocks.samples import Intervals, inside
from narthex_plugins.tsdb.histograms.columns import Columns
from narthex_plugins.tsdb.histograms.joining import joined_columns, without

__all__ = ["HistogramMerge", "HistogramSource"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HistogramSource:
    """The histograms of a file; ``number`` is what each series of the merge is in it (-1: not there).

    ``erased`` is what was deleted of them, by hash of the series.
    """

    section: HistogramSection
    number: Ints
    erased: Mapping[int, Intervals]


@dataclass(frozen=True, slots=True)
class _Piece:
    """The segments of a series in one file, and what was deleted of it."""

    section: HistogramSection
    segments: range
    erased: Intervals

    @property
    def first(self) -> int:
        return int(self.section.first[self.segments[0]])

    @property
    def last(self) -> int:
        return int(self.section.last[self.segments[-1]])

    def is_left(self) -> bool:
        """Whether a sample is left."""
        return not self.erased or any(
            not inside(self.section.times(segment), self.erased).all() for segment in self.segments
        )

    def columns(self) -> Columns:
        """What is left."""
        found = self.section.columns(np.array(self.segments))
        return without(found, inside(found.times, self.erased)) if self.erased else found


class HistogramMerge:
    """The histograms of all series (``hashes``). Sources come in order of arrival: of repeats the last one's stays."""

    def __init__(self, sources: Sequence[HistogramSource], hashes: NDArray[np.uint64]) -> None:
        self._sources = sources
        self._hashes = hashes
        self._found = [one.section.find(np.maximum(one.number, 0)) for one in sources]
        self.there = np.zeros(len(hashes), dtype=np.bool_)
        """Which series have histograms."""
        for one, (low, high) in zip(sources, self._found, strict=True):
            self.there |= (one.number >= 0) & (low < high)
        if any(one.erased for one in sources):
            for series in np.flatnonzero(self.there).tolist():
                self.there[series] = any(piece.is_left() for piece in self._pieces(series))

    def write(self, into: HistogramWriter, series: int, number: int) -> None:
        """Write the histograms of a series that has some, under a number. Raises ``OSError`` and ``StorageError``."""
        pieces = sorted(self._pieces(series), key=lambda one: one.first)
        follow = all(one.last < other.first for one, other in pairwise(pieces))
        if follow and not any(one.erased for one in pieces) and not _short(pieces):
            for at, piece in enumerate(pieces):
                for segment in piece.segments:
                    into.again(number, piece.section, segment, joined=at > 0 and segment == piece.segments[0])
            return
        into.put(number, joined_columns([_under(piece.columns(), number) for piece in self._pieces(series)]))

    def _pieces(self, series: int) -> list[_Piece]:
        found = []
        key = int(self._hashes[series])
        for one, (low, high) in zip(self._sources, self._found, strict=True):
            segments = range(int(low[series]), int(high[series]))
            if one.number[series] >= 0 and segments:
                found.append(_Piece(one.section, segments, one.erased.get(key, ())))
        return found


def _short(pieces: Sequence[_Piece]) -> bool:
    """Whether segments are more than twice as many as they would have to be."""
    segments = sum(len(piece.segments) for piece in pieces)
    if segments <= 1:
        return False
    rows, layouts, before = 0, 0, None
    for piece in pieces:
        for segment in piece.segments:
            rows += int(piece.section.rows[segment])
            layout = piece.section.layout(segment)
            layouts += before is None or not layout.equals(before)
            before = layout
    return segments > 2 * (layouts + rows // SEGMENT_ROWS)


def _under(columns: Columns, number: int) -> Columns:
    """The columns under one number, for they come from files that count series differently."""
    return replace(columns, refs=np.full(len(columns), number, dtype=np.int32))
