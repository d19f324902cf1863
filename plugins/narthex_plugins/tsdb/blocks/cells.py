"""Frames over a section's pages. A page is decoded when a reader asks for its columns, and not kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.storage.cells import PackedCells
from narthex.storage.frames import NO_TIME, Frame
from narthex_plugins.tsdb.blocks.pages import PageReader
from narthex_plugins.tsdb.blocks.section import SectionReader, Span

__all__ = ["frames_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Piece = tuple[int, int, int, int, int]
"""A page: its number within the span, its length, the first and end row that are wanted of it, the row they go to."""

_CELLS = 1 << 20
"""Cells decoded in one step when single ones are picked."""


def frames_of(section: SectionReader, columns: Ints, series: Ints, start: int, end: int) -> list[Frame]:
    """Frames of some columns in a window (ms, inclusive); ``series`` are their rows in the selection's table."""
    groups, inverse = np.unique(section.group[columns], return_inverse=True)
    spans = [section.span(group, start, end) for group in groups.tolist()]
    heights = np.array([0 if span is None else len(span.times) for span in spans], dtype=np.int64)
    # Groups of very different length (another interval) do not share a frame: its matrix would be mostly padding.
    sizes = np.frexp(heights)[1]
    found = []
    for size in np.unique(sizes[heights > 0]).tolist():
        members = np.flatnonzero((sizes == size) & (heights > 0))
        local = np.full(len(groups), -1)
        local[members] = np.arange(len(members))
        chosen = np.flatnonzero(local[inverse] >= 0)
        own = [span for at in members.tolist() if (span := spans[at]) is not None]
        found.append(_frame(section, columns[chosen], series[chosen], local[inverse[chosen]], own))
    return found


def _frame(section: SectionReader, columns: Ints, series: Ints, group: Ints, spans: Sequence[Span]) -> Frame:
    height = max(len(span.times) for span in spans)
    times = np.full((height, len(spans)), NO_TIME, dtype=np.int64)
    for at, span in enumerate(spans):
        times[: len(span.times), at] = span.times
    plans: dict[tuple[Piece, ...], int] = {}
    plan_of = np.array([plans.setdefault(_pieces(span), len(plans)) for span in spans])
    first_pages = np.array([span.page for span in spans])
    pages = section.first[columns].astype(np.int64) + first_pages[group]
    cells = _Pages(section.values, pages, plan_of[group], tuple(plans), height)
    return Frame(cells, np.arange(len(columns)), series, times, group)


def _pieces(span: Span) -> tuple[Piece, ...]:
    pieces = []
    row, end = -span.skip, len(span.times)
    for page, length in enumerate(span.lengths):
        low, high = max(0, -row), min(length, end - row)
        if low < high:
            pieces.append((page, length, low, high, row + low))
        row += length
    return tuple(pieces)


def _cut(plan: tuple[Piece, ...], low: int, high: int) -> tuple[Piece, ...]:
    cut = []
    for page, length, first, last, row in plan:
        begin, finish = max(row, low), min(row + last - first, high)
        if begin < finish:
            cut.append((page, length, first + begin - row, first + finish - row, begin - low))
    return tuple(cut)


class _Pages(PackedCells):
    """Columns that begin at ``pages`` and are cut by one of the ``plans`` each."""

    def __init__(
        self, reader: PageReader, pages: Ints, plan_of: Ints, plans: tuple[tuple[Piece, ...], ...], height: int
    ) -> None:
        self._reader = reader
        self._pages = pages
        self._plan_of = plan_of
        self._plans = plans
        self.shape = (height, len(pages))

    def rows(self, low: int, high: int) -> PackedCells:
        """The same columns, cut to some rows."""
        if low <= 0 and high >= self.shape[0]:
            return self
        plans = tuple(_cut(plan, low, high) for plan in self._plans)
        return _Pages(self._reader, self._pages, self._plan_of, plans, max(0, min(high, self.shape[0]) - low))

    def take(self, columns: Ints) -> Floats:
        """All rows of some columns, decoded; zero behind a group's last row."""
        # Decoded column by column, where a page lies side by side, and turned once at the end.
        found = np.zeros((len(columns), self.shape[0]))
        pages, plan_of = self._pages[columns], self._plan_of[columns]
        for number, plan in enumerate(self._plans):
            chosen = np.flatnonzero(plan_of == number) if len(self._plans) > 1 else np.arange(len(columns))
            if len(chosen):
                for piece in plan:
                    self._decode(found, chosen, pages[chosen], piece)
        return np.ascontiguousarray(found.T)

    def gather(self, rows: Ints, columns: Ints) -> Floats:
        """One cell for each row and column."""
        wide_rows, wide_columns = np.broadcast_arrays(rows, columns)
        found = np.empty(wide_rows.shape)
        if not wide_rows.size:
            return found
        wanted, place = np.unique(wide_columns, return_inverse=True)
        place = place.reshape(wide_columns.shape)
        low = int(wide_rows.min())
        part = self.rows(low, int(wide_rows.max()) + 1)
        width = max(1, _CELLS // max(1, len(part)))
        for at in range(0, len(wanted), width):
            cells = part.take(wanted[at : at + width])
            here = (place >= at) & (place < at + width)
            found[here] = cells[wide_rows[here] - low, place[here] - at]
        return found

    def _decode(self, found: Floats, chosen: Ints, first: Ints, piece: Piece) -> None:
        offset, length, low, high, row = piece
        pages = first + offset
        reader = self._reader
        constant = reader.size[pages] == 0
        bits = found.view(np.uint64)
        same = np.flatnonzero(constant)
        bits[chosen[same], row : row + high - low] = reader.word[pages[same]][:, None]
        other = np.flatnonzero(~constant)
        whole = high - low == length
        scratch = np.empty(length)
        for at, page in zip(chosen[other].tolist(), pages[other].tolist(), strict=True):
            if whole:
                reader.read(page, found[at, row : row + length])
            else:
                reader.read(page, scratch)
                bits[at, row : row + high - low] = scratch.view(np.uint64)[low:high]
