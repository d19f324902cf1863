"""The reading side: what the head and the blocks hold of some series, as one selection.

Called from several threads at once while rows arrive and files change places; each call takes the lists once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.storage.frames import Frame, HistogramPoints, LateFrames, Piece, Points, Selection, Source
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.histograms.joining import joined_histograms
from narthex_plugins.tsdb.histograms.store import HistogramStore
from narthex_plugins.tsdb.located import Located
from narthex_plugins.tsdb.matching import Matching
from narthex_plugins.tsdb.parts import Part, Parts
from narthex_plugins.tsdb.points import PointStore, joined_points
from narthex_plugins.tsdb.remembered import Known, Remembered
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.tombstones import Tombstones
from narthex_plugins.tsdb.union import union

__all__ = ["Reader"]

Ints = NDArray[np.int64]
Matchers = Sequence[Matcher]

_SMALL = 16
"""Series of a selection that may be read on the event loop: some 0.2 ms for one of them, with cold caches."""


class Reader:
    """Reads one database; see :class:`narthex.storage.protocol.StorageReader`."""

    def __init__(
        self, table: SeriesTable, parts: Parts, points: PointStore, histograms: HistogramStore, tombstones: Tombstones
    ) -> None:
        self._table = table
        self._matching = Matching(table)
        self._remembered = Remembered()
        self._parts = parts
        self._points = points
        self._histograms = histograms
        self._tombstones = tombstones

    def is_small(self, matchers: Matchers, start: int, end: int, series: int) -> bool:
        """See :class:`narthex.storage.protocol.KnowsSmall`."""
        if self._tombstones.deletions or any(
            one.min_time <= end and one.max_time >= start for one in self._parts.blocks()
        ):
            return False
        if not self._matching.is_quick(matchers):
            return False
        return len(self._known(matchers).refs) <= min(series, _SMALL)

    def select(self, matchers: Matchers, start: int, end: int) -> Selection:
        """Series that satisfy all matchers, with their samples of the window."""
        known = self._known(matchers)
        refs = known.refs
        deleted = self._tombstones if self._tombstones.deletions else None
        # Points first: when they become part of a block meanwhile, they are met twice rather than never.
        points = self._points_of(refs, start, end, deleted)
        natives = self._histograms_of(refs, start, end, deleted)
        parts, blocks = self._parts.both()
        found = [(one, one.match(matchers)) for one in blocks if one.min_time <= end and one.max_time >= start]
        labels, placed = union(self._table, refs, found) if found else (self._labels_of(known), [])
        sources: list[tuple[Part | Block, Source]] = [
            (part, _OfPart(part, known.located, start, end))
            for part in parts
            if part.min_time <= end and part.max_time >= start
        ]
        older: list[Points] = []
        before: list[HistogramPoints] = []
        if deleted is not None:
            hashes = self._hashes(refs, labels.rows, placed)
        for block, series, rows in placed:
            sources.append((block, _OfBlock(block, series, rows, start, end)))
            more = block.points(series, rows, start, end)
            older.append(more if deleted is None else deleted.points(block.number, more, hashes))
            beside = block.histogram_points(series, rows, start, end)
            before.append(beside if deleted is None else deleted.histograms(block.number, beside, hashes))
        sources.sort(key=lambda one: one[0].min_time)
        shown: Sequence[Frame] = LateFrames([source for _, source in sources])
        if deleted is not None:
            frames = [(part, frame) for part, source in sources for frame in source.frames()]
            shown = list(chain.from_iterable(deleted.frame(part.number, frame, hashes) for part, frame in frames))
        joined = _joined([one for one in (*older, *points) if len(one.series)])
        histograms = joined_histograms([*(one for one in before if len(one)), *natives[0]], natives[1])
        return Selection(labels, shown, joined, histograms)

    def histogram_weight(self, matchers: Matchers, start: int, end: int) -> int:
        """See :class:`narthex.storage.protocol.WeighsHistograms`."""
        weight = self._histograms.weight(self._known(matchers).refs, start, end) if self._histograms.runs else 0
        for block in self._parts.blocks():
            if block.histograms is not None and block.min_time <= end and block.max_time >= start:
                weight += block.histogram_weight(block.match(matchers), start, end)
        return weight

    def labels(self, matchers: Sequence[Matchers], start: int, end: int) -> LabelTable:
        """Labels of the series that satisfy any matcher set (none: all) and may have samples in the window."""
        refs = self._matched(matchers, start, end)
        found = [
            (one, np.unique(np.concatenate([one.match(own) for own in matchers or [()]])))
            for one in self._parts.blocks()
            if one.min_time <= end and one.max_time >= start
        ]
        return union(self._table, refs, found)[0]

    def label_names(self, matchers: Sequence[Matchers], start: int, end: int) -> list[str]:
        """Label names, sorted, of series in the window."""
        return sorted(name for name, one in self.labels(matchers, start, end).columns.items() if one.codes.any())

    def label_values(self, name: str, matchers: Sequence[Matchers], start: int, end: int) -> list[str]:
        """Values of one label, sorted, of series in the window."""
        column = self.labels(matchers, start, end).columns.get(name)
        if column is None:
            return []
        return sorted(column.dictionary[code] for code in np.unique(column.codes).tolist() if code)

    def series(self, matchers: Sequence[Matchers], start: int, end: int) -> list[Labels]:
        """Label sets, sorted, of series in the window."""
        return sorted(self.labels(matchers, start, end).all_labels())

    def hashes(self, matchers: Sequence[Matchers], start: int, end: int) -> NDArray[np.uint64]:
        """The hashes of the series that satisfy any matcher set and may have samples in the window, ascending."""
        found = [self._table.hashes(self._matching.refs(own)) for own in matchers]
        for block in self._parts.blocks():
            if block.min_time <= end and block.max_time >= start:
                found += [block.hashes[block.match(own)] for own in matchers]
        return np.unique(np.concatenate(found))

    def _known(self, matchers: Matchers) -> Known:
        # The generation is read first: what is found while series are entered belongs to the one before.
        return self._remembered.get(matchers, self._table.generation, lambda: self._matching.refs(matchers))

    def _labels_of(self, known: Known) -> LabelTable:
        if known.labels is None:
            known.labels = self._table.table(known.refs)
        return known.labels

    def _hashes(self, refs: Ints, rows: int, placed: Sequence[tuple[Block, Ints, Ints]]) -> NDArray[np.uint64]:
        """The hash of each row of a selection."""
        found = np.zeros(rows, dtype=np.uint64)
        found[: len(refs)] = self._table.hashes(refs)
        for block, series, own in placed:
            found[own] = block.hashes[series]
        return found

    def _points_of(self, refs: Ints, start: int, end: int, deleted: Tombstones | None) -> list[Points]:
        if deleted is None:
            return self._points.pick(refs, start, end)
        hashes = self._table.hashes(refs)
        return self._points.pick(refs, start, end, lambda run, one: deleted.points(run.number, one, hashes))

    def _histograms_of(
        self, refs: Ints, start: int, end: int, deleted: Tombstones | None
    ) -> tuple[list[HistogramPoints], list[HistogramPoints]]:
        if deleted is None:
            return self._histograms.pick(refs, start, end)
        hashes = self._table.hashes(refs)
        return self._histograms.pick(refs, start, end, lambda run, one: deleted.histograms(run.number, one, hashes))

    def _matched(self, matchers: Sequence[Matchers], start: int, end: int) -> Ints:
        """References of series that satisfy any matcher set (none: all) and may have samples in the window."""
        if matchers:
            refs = np.unique(np.concatenate([self._matching.refs(one) for one in matchers]))
        else:
            refs = self._table.references()
        count = int(refs[-1]) + 1 if len(refs) else 0
        present = np.zeros(count, dtype=np.bool_)
        for part in self._parts.all():
            if part.min_time <= end and part.max_time >= start:
                present |= part.holds(count)
        refs_left = refs[~present[refs]]
        for points in self._points.pick(refs_left, start, end):
            present[refs_left[points.series]] = True
        present |= self._histograms.holds(count, start, end)
        found: Ints = refs[present[refs]]
        return found


class _OfPart:
    """What a part of the head may hold of some series in a window."""

    __slots__ = ("_end", "_located", "_part", "_start", "newest")

    def __init__(self, part: Part, located: Located, start: int, end: int) -> None:
        self.newest = part.max_time
        self._part, self._located, self._start, self._end = part, located, start, end

    def frames(self) -> Sequence[Frame]:
        return self._located.frames(self._part, self._start, self._end)

    def pieces(self) -> Sequence[Piece]:
        return self._located.pieces(self._part, self._start, self._end)


class _OfBlock:
    """The same of a block, whose series have rows of the selection of their own."""

    def __init__(self, block: Block, series: Ints, rows: Ints, start: int, end: int) -> None:
        self.newest = block.max_time
        self._frames = partial(block.frames, series, rows, start, end)

    def frames(self) -> Sequence[Frame]:
        return self._frames()

    def pieces(self) -> Sequence[Piece]:
        return [piece for frame in self._frames() for piece in frame.pieces()]


def _joined(parts: list[Points]) -> Points:
    """All points sorted by series, then time; of repeats the last stays."""
    points = joined_points(parts)
    order = np.lexsort((points.times, points.series))
    series, times = points.series[order], points.times[order]
    last = np.ones(len(series), dtype=np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    kept = order[last]
    starts = None if points.starts is None else points.starts[kept]
    return Points(series[last], times[last], points.values[kept], starts)
