"""An open slab: the rows of all lanes of one interval over a run of slots.

The row of a sample is its slot number, ``(timestamp - phase) // interval``, counted from the slab's first slot. So
every lane has at most one row in each slot whatever its phase, and one query gathers from one matrix. Each lane owns
runs of columns (segments) and one column of ``times``; writing a row is one slice copy for each segment and one time,
the time last: a row without a time does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING
from narthex.storage.frames import NO_TIME, Frame, Piece
from narthex_plugins.tsdb.located import Place
from narthex_plugins.tsdb.memory import grown, zeros
from narthex_plugins.tsdb.panel import Panel, Segment

__all__ = ["HEIGHT", "Placement", "Slab", "rows_of_window", "slot_of"]

Ints = NDArray[np.int64]

HEIGHT = 120
"""Most rows in a slab; Prometheus cuts its chunks there too."""

_LEAST_HEIGHT = 16
_OPEN_BYTES = 64 << 20
"""Cells of one open slab take about this much memory at most, unless ``_LEAST_HEIGHT`` rows are more."""

_PANEL = 1 << 12
_WIDEST_PANEL = 1 << 17


def slot_of(timestamp: int, interval: int, phase: int) -> int:
    """The slot of a moment. An eighth of the interval early still counts as on time; late is anything else."""
    return (timestamp - phase + (interval >> 3)) // interval


def rows_of_window(start: int, end: int, interval: int, base: int, rows: int) -> tuple[int, int]:
    """The rows, end exclusive, that may hold samples of a window, whatever the lanes' phases."""
    return max(0, start // interval - base - 2), min(rows, end // interval - base + 2)


@dataclass(slots=True)
class Placement:
    """Where one lane stands in one slab."""

    slab: Slab
    group: int
    refs: Ints
    """Series of the lane's columns that are placed."""
    segments: list[Segment] = field(default_factory=list)
    spare: int = 0
    """Columns reserved after the last segment."""

    @property
    def width(self) -> int:
        """Columns placed."""
        return len(self.refs)


class Slab:
    """Rows ``0 … limit`` stand for slots ``base …``. Written by one thread, read by many."""

    def __init__(self, number: int, interval: int, base: int, columns: int) -> None:
        self.number = number
        self.interval = interval
        self.base = base
        self.panels: list[Panel] = []
        self.columns = 0
        self.lanes = 0
        self.times: Ints = zeros((HEIGHT, 16), np.int64)
        self.last_row = -1
        self.most = HEIGHT
        """Rows until the slab's block ends."""
        self.strays = 0
        """Rows in a row that were too far ahead; see :meth:`Tsdb.append`."""
        self.min_time = 0
        self.max_time = 0
        self.layout = 0
        """Grows whenever series got columns."""
        self._expected = columns
        self._position: NDArray[np.int32] = zeros((1024,), np.int32)  # by reference: column + 1 of the first placing
        # Later placings, of series that moved to another lane: references and columns, replaced together.
        self._again: tuple[Ints, Ints] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    @property
    def limit(self) -> int:
        """Rows this slab may have; fewer the wider it has become."""
        return min(self.most, max(_LEAST_HEIGHT, min(HEIGHT, _OPEN_BYTES // (8 * max(1, self.columns)))))

    # --- in ----------------------------------------------------------------------------------------------------------

    def place(self, refs: Ints) -> Placement:
        """Give a lane its columns."""
        self.times = self._wider_times(self.lanes + 1)
        placement = Placement(self, self.lanes, np.zeros(0, dtype=np.int64))
        self.lanes += 1
        self.extend(placement, refs)
        return placement

    def extend(self, placement: Placement, refs: Ints) -> None:
        """Give a lane more columns. In the rows it has written they are ``MISSING``."""
        done = placement.width
        placement.refs = np.concatenate([placement.refs, refs])
        while done < placement.width:
            done += self._segment(placement, done)

    def write(self, placement: Placement, row: int, timestamp: int, values: NDArray[np.float64]) -> None:
        """Write a row of the lane's placed width. The cell of times is free."""
        for matrix, first, end, low, high in placement.segments:
            matrix[row, first:end] = values[low:high]
        self.times[row, placement.group] = timestamp
        self.last_row = max(self.last_row, row)
        self.max_time = max(self.max_time, timestamp)
        self.min_time = min(self.min_time or timestamp, timestamp)

    def newest(self, placement: Placement, columns: Ints) -> tuple[Ints, NDArray[np.float64]]:
        """Time and value of the newest sample in each of the lane's columns; time ``NO_TIME`` where there is none."""
        times = np.full(len(columns), NO_TIME, dtype=np.int64)
        values = np.full(len(columns), MISSING)
        row_times = self.times[: self.last_row + 1, placement.group]
        rows = np.flatnonzero(row_times)
        for matrix, first, _, low, high in placement.segments:
            here = np.flatnonzero((columns >= low) & (columns < high))
            cells = matrix[rows[:, None], (columns[here] - low + first)[None, :]]
            present = cells.view(np.int64) != MISSING.view(np.int64)
            found = present.any(axis=0)
            last = len(rows) - 1 - present[::-1, found].argmax(axis=0)
            times[here[found]] = row_times[rows[last]]
            values[here[found]] = cells[last, np.flatnonzero(found)]
        return times, values

    # --- out ---------------------------------------------------------------------------------------------------------

    def places(self, refs: Ints) -> list[Place]:
        """Where these series (ascending references) stand: a place for each panel, also where it has none of them."""
        columns, series = self.locate(refs)
        panels, lanes = self.panels, self.lanes  # after the columns, whose panels and lanes these are
        if len(panels) == 1:
            return [Place.of(columns, series, panels[0].group[columns], lanes)]
        inside = [np.flatnonzero((columns >= one.base) & (columns < one.base + one.width)) for one in panels]
        return [
            Place.of(own, series[at], panel.group[own], lanes)
            for panel, at in zip(panels, inside, strict=True)
            for own in (columns[at] - panel.base,)
        ]

    def frames(self, places: Sequence[Place], start: int, end: int) -> list[Frame]:
        """Frames of the samples in a window of the series that were looked up."""
        low, high = rows_of_window(start, end, self.interval, self.base, self.last_row + 1)
        if low >= high:
            return []
        times = self.times[low:high, : self.lanes]
        return [
            Frame(panel.matrix[low:high], place.columns, place.series, place.times(times), place.group)
            for panel, place in zip(self.panels, places, strict=False)  # a panel may have come since
            if len(place.columns)
        ]

    def pieces(self, places: Sequence[Place], start: int, end: int) -> list[Piece]:
        """The columns of those frames, one by one."""
        low, high = rows_of_window(start, end, self.interval, self.base, self.last_row + 1)
        if low >= high:
            return []
        return [
            # The times first, and copied, so that rows that arrive meanwhile do not appear half way.
            (series, self.times[low:high, lane].copy(), panel.matrix[low:high, column])
            for panel, place in zip(self.panels, places, strict=False)
            for series, column, lane in place.each()
        ]

    def locate(self, refs: Ints) -> tuple[Ints, Ints]:
        """``(columns, at)``: the columns of these series, and for each its place in ``refs``, ascending."""
        position = self._position
        again_refs, again_columns = self._again
        known = refs if len(refs) == 0 or refs[-1] < len(position) else refs[: np.searchsorted(refs, len(position))]
        columns = position[known].astype(np.int64) - 1
        series = np.flatnonzero(columns >= 0)
        columns = columns[series]
        if len(again_refs) and len(refs):
            at = np.minimum(np.searchsorted(refs, again_refs), len(refs) - 1)
            hit = refs[at] == again_refs
            columns, series = np.concatenate([columns, again_columns[hit]]), np.concatenate([series, at[hit]])
            order = np.argsort(series, kind="stable")
            columns, series = columns[order], series[order]
        return columns, series

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether the slab has a column for them."""
        position = self._position[:count]
        flags = np.zeros(count, dtype=np.bool_)
        flags[: len(position)] = position > 0
        return flags

    def references(self) -> Ints:
        """All series that have a column, ascending."""
        return np.flatnonzero(self._position)

    def cells(self, columns: Ints, rows: int) -> tuple[Ints, NDArray[np.float64]]:
        """Group of each column, and their first rows: float64 ``[rows, columns]``, a copy."""
        if len(self.panels) == 1:
            panel = self.panels[0]
            return panel.group[columns].astype(np.int64), np.take(panel.matrix[:rows], columns, axis=1)
        group = np.zeros(len(columns), dtype=np.int64)
        cells = np.empty((rows, len(columns)))
        for panel in self.panels:
            at = np.flatnonzero((columns >= panel.base) & (columns < panel.base + panel.width))
            group[at] = panel.group[columns[at] - panel.base]
            cells[:, at] = np.take(panel.matrix[:rows], columns[at] - panel.base, axis=1)
        return group, cells

    def rows(self, columns: Ints, count: int) -> Iterator[NDArray[np.float64]]:
        """The first ``count`` rows of some columns, one after the other."""
        inside = [
            (one.matrix, at, columns[at] - one.base)
            for one in self.panels
            if len(at := np.flatnonzero((columns >= one.base) & (columns < one.base + one.width)))
        ]
        for row in range(count):
            values = np.empty(len(columns))
            for matrix, at, there in inside:
                values[at] = matrix[row, there]
            yield values

    # --- inside ------------------------------------------------------------------------------------------------------

    def _segment(self, placement: Placement, done: int) -> int:
        """Place columns of the lane from ``done`` on in one run; returns how many."""
        wanted = placement.width - done
        if placement.spare and placement.segments:
            taken = min(wanted, placement.spare)
            matrix, first, end, low, high = placement.segments[-1]
            placement.spare -= taken
            panel = next(panel for panel in self.panels if panel.matrix is matrix)
            start = end
            placement.segments[-1] = (matrix, first, end + taken, low, high + taken)
        else:
            panel = self._panel(wanted)
            taken = min(wanted, panel.free)
            # Some slack: a target's series change a little from scrape to scrape.
            spare = min(taken >> 5, panel.free - taken)
            start = panel.take(taken + spare, placement.group)
            self.columns += taken + spare
            placement.spare = spare
            placement.segments.append((panel.matrix, start, start + taken, done, done + taken))
        if self.times[:, placement.group].any():  # a lane without rows needs no filling: no time, no sample
            panel.matrix[: self.last_row + 1, start : start + taken] = MISSING
        self._note(placement.refs[done : done + taken], panel.base + start)
        return taken

    def _panel(self, wanted: int) -> Panel:
        if not self.panels or not self.panels[-1].free:
            base = self.panels[-1].base + self.panels[-1].width if self.panels else 0
            width = max(wanted, self._expected - base, min(base, _WIDEST_PANEL), _PANEL)
            self.panels = [*self.panels, Panel(base, HEIGHT, width)]
        return self.panels[-1]

    def _note(self, refs: Ints, first: int) -> None:
        position = self._position = grown(self._position, int(refs.max()) + 1)
        columns = np.arange(first, first + len(refs))
        again = position[refs] > 0
        if again.any():
            earlier_refs, earlier_columns = self._again
            self._again = np.concatenate([earlier_refs, refs[again]]), np.concatenate([earlier_columns, columns[again]])
        new = ~again
        position[refs[new]] = columns[new] + 1
        self.layout += 1  # last: who read the number before may have missed these columns

    def _wider_times(self, lanes: int) -> Ints:
        if lanes <= self.times.shape[1]:
            return self.times
        wider: Ints = zeros((HEIGHT, 2 * self.times.shape[1]), np.int64)
        wider[:, : self.times.shape[1]] = self.times
        return wider
