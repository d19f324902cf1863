"""Join the pieces of series that stand in several frames: slabs that were sealed, lanes that were closed and reopened.

Series that stand in the same pieces of the storage are joined together, by array operations on whole columns. Only
where two pieces of a series overlap in time its samples have to be sorted one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from narthex.promql.engine.gather_rows import NEVER, occurrences
from narthex.promql.engine.grouping import number
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.storage.cells import PackedCells
from narthex.storage.frames import NO_TIME, Frame, Selection

__all__ = ["Gaps", "Stack", "stacked"]


_WIDE = 4
"""A row of packed cells is decoded as a whole where this share of its columns is wanted."""
_NARROW = 32
"""Up to so many series are read whole: there is nothing to save."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Pieces of the same series, one behind the other in time.

    ``series`` int64 ``[n]``; ``columns`` holds for each matrix the columns of the series, int64 ``[n]``; ``times``
    int64 ``[R, G]`` over all rows of all pieces, ``NO_TIME`` where a group has none; ``group`` int64 ``[n]``.
    """

    series: Ints
    matrices: tuple[Floats | PackedCells, ...]
    columns: tuple[Ints, ...]
    times: Ints
    group: Ints

    def take(self, at: slice | Ints) -> Stack:
        """Some of the series."""
        columns = tuple(columns[at] for columns in self.columns)
        return Stack(self.series[at], self.matrices, columns, self.times, self.group[at])

    def cells(self) -> Floats:
        """All rows of the series: float64 ``[R, n]``, not to be written to."""
        if len(self.matrices) == 1:
            return _columns(self.matrices[0], self.columns[0])
        values = np.empty((len(self.times), len(self.series)))
        row = 0
        for matrix, columns in zip(self.matrices, self.columns, strict=True):
            rows = len(matrix)
            np.take(matrix, columns, axis=1, out=values[row : row + rows], mode="clip")  # clip: no buffer between
            row += rows
        return values

    def without_gaps(self, gaps: Gaps) -> Floats:
        """The rows that are left when gaps are closed: float64 ``[R', n]``, as :class:`Gaps` tells."""
        values = self.cells()
        if values.base is not None:
            values = values.copy()
        columns = np.flatnonzero(gaps.broken[self.group])
        if len(columns):
            rows = gaps.rows[:, gaps.number[self.group[columns]]]
            values[:, columns] = np.take_along_axis(values[:, columns], rows, axis=0)
        values = values[: len(gaps.behind)]
        for row in np.flatnonzero(gaps.behind[1:].any(axis=1)).tolist():
            np.copyto(values[row + 1], values[row], where=gaps.behind[row + 1][self.group])
        return values

    def at(self, rows: Ints) -> Floats:
        """One cell for each series and row of the outcome: ``rows`` is int64 ``[K, G]``; float64 ``[K, n]``.

        Targets tick together, so nearly all groups want the same one or two rows: each is read as a whole, by one
        operation on memory in order. Reading cell by cell took three times as long on cold memory.
        """
        if len(self.series) <= _NARROW:
            return np.asarray(self.cells()[rows[:, self.group], np.arange(len(self.series))])
        values = np.empty((len(rows), len(self.series)))
        wanted = _Rows(rows, self.group)
        low = 0
        for matrix, columns in zip(self.matrices, self.columns, strict=True):
            wanted.fill(values, matrix, columns, low)
            low += len(matrix)
        return values


@dataclass(frozen=True, slots=True)
class Gaps:
    """How rows without a time are left out, group by group: they have no value, whatever their cells hold.

    ``broken`` (bool ``[G]``) are the groups that have a row behind such a one. Their rows move to the top: to each the
    row that comes there is read from ``rows`` (int64 ``[R, B]``), in the column ``number`` (int64 ``[G]``) tells.
    ``behind`` (bool ``[R', G]``) is then true behind the last row of a group, where that row is repeated.
    """

    broken: Bools
    number: Ints
    rows: Ints
    behind: Bools

    @classmethod
    def of(cls, times: Ints) -> tuple[Gaps | None, Ints]:
        """The gaps of ``times`` (int64 ``[R, G]``), None where there are none; and the times that are left.

        ``NEVER`` stands behind a group's last row.
        """
        gaps = times == NO_TIME
        if not gaps.any():
            return None, times
        broken = (gaps[:-1] & ~gaps[1:]).any(axis=0)
        number = np.cumsum(broken) - 1
        rows = np.argsort(gaps[:, broken], axis=0, kind="stable")
        if rows.size:
            times = times.copy()
            times[:, broken] = np.take_along_axis(times[:, broken], rows, axis=0)
            gaps = times == NO_TIME
        left = ~gaps.all(axis=1)  # rows that some group still has, which are the first ones
        height = int(np.count_nonzero(left))
        return cls(broken, number, rows, gaps[:height]), np.where(gaps, NEVER, times)[:height]


class _Rows:
    """Which row each group wants at each step, and the columns of those that want another row than most."""

    def __init__(self, rows: Ints, group: Ints) -> None:
        self._rows = rows
        self._group = group
        self._usual = np.partition(rows, rows.shape[1] // 2, axis=1)[:, rows.shape[1] // 2]
        self._apart = rows - self._usual[:, None]
        self._members: dict[bytes, dict[int, Ints]] = {}  # the same targets are late at every step

    def fill(self, values: Floats, matrix: Floats | PackedCells, columns: Ints, low: int) -> None:
        """Read what lies in one matrix, whose first row is ``low``."""
        inside: Bools = (self._rows >= low) & (self._rows < low + len(matrix))
        steps = np.flatnonzero(np.logical_or.reduce(inside, axis=1))
        if not len(steps):
            return
        if isinstance(matrix, PackedCells) and matrix.by_row and len(columns) * _WIDE >= matrix.shape[1]:
            whole = np.logical_and.reduce(inside, axis=1)
            self._fill_by_row(values, matrix, columns, low, steps.tolist(), whole)
            return
        if isinstance(matrix, PackedCells):
            first, last = int(self._rows[inside].min()), int(self._rows[inside].max())
            matrix, columns, low = matrix[first - low : last + 1 - low].take(columns), np.arange(len(columns)), first
        whole = np.logical_and.reduce(inside, axis=1)
        for step in steps.tolist():
            row = int(self._usual[step]) - low
            if whole[step]:
                np.take(matrix[row], columns, out=values[step], mode="clip")  # clip: no buffer between
            for distance, members in self._members_of(step).items():
                if 0 <= row + distance < len(matrix) and (distance or not whole[step]):
                    values[step, members] = np.take(matrix[row + distance], columns[members])

    def _fill_by_row(
        self, values: Floats, matrix: PackedCells, columns: Ints, low: int, steps: Sequence[int], whole: Bools
    ) -> None:
        """The same of cells that are decoded: each row once, and for all steps that want some of it."""
        usual: dict[int, list[int]] = {}
        others: dict[int, list[tuple[int, Ints]]] = {}
        for step in steps:
            row = int(self._usual[step]) - low
            if whole[step]:
                usual.setdefault(row, []).append(step)
            for distance, members in self._members_of(step).items():
                if 0 <= row + distance < len(matrix) and (distance or not whole[step]):
                    others.setdefault(row + distance, []).append((step, members))
        wanted = sorted({*others, *usual})
        late: list[tuple[int, Ints, Floats]] = []
        for row, cells in zip(wanted, matrix.each(wanted, columns), strict=True):
            for step in usual.get(row, ()):
                values[step] = cells
            late += ((step, members, cells[members]) for step, members in others.get(row, ()))
        for step, members, cells in late:  # behind the rows that most want
            values[step, members] = cells

    def _members_of(self, step: int) -> Mapping[int, Ints]:
        """Columns by the distance of their row from the usual one; nothing where all want the usual one."""
        apart = self._apart[step]
        if not apart.any():
            return {}
        key = apart.tobytes()
        if key not in self._members:
            distances = set(apart.tolist())
            self._members[key] = {one: np.flatnonzero((apart == one)[self._group]) for one in distances}
        return self._members[key]


def stacked(frames: Sequence[Frame], selection: Selection) -> tuple[list[Stack], Bools | None]:
    """Stacks of the series that can be joined, and which series (bool ``[rows of the table]``) cannot, or None."""
    loose = selection.points.series
    pieces = [(frame, part) for frame in frames for part in occurrences(frame.series)]
    if len(pieces) == 1 and not len(loose):
        frame = pieces[0][0]
        return [Stack(frame.series, (frame.matrix,), (frame.columns,), frame.times, frame.group)], None
    rows = selection.labels.rows
    scattered = np.zeros(rows, dtype=np.bool_)
    scattered[loose] = True  # points are never aligned
    stacks = []
    for members, own in _together(pieces, scattered):
        stack = _joined(members, own, scattered)
        if stack is not None:
            stacks.append(stack)
    return stacks, scattered if scattered.any() else None


def _together(
    pieces: Sequence[tuple[Frame, Ints]], scattered: Bools
) -> Iterator[tuple[Ints, Sequence[tuple[Frame, Ints | slice]]]]:
    """Series that stand in the same pieces, and for each such set its pieces and the columns in them."""
    once = all(len(part) == len(frame.series) for frame, part in pieces)
    if pieces and once and not scattered.any() and _alike([frame.series for frame, _ in pieces]):
        yield pieces[0][0].series, [(frame, slice(None)) for frame, _ in pieces]
        return
    place = np.full((len(pieces), len(scattered)), -1)
    for at, (frame, part) in enumerate(pieces):
        place[at, frame.series[part]] = part
    for members in _patterns(place >= 0, scattered):
        inside = np.flatnonzero(place[:, members[0]] >= 0)
        yield members, [(pieces[at][0], place[at, members]) for at in inside.tolist()]


def _alike(arrays: Sequence[Ints]) -> bool:
    """Whether all are equal; a storage that remembers gives the same array again."""
    return all(one is arrays[0] or np.array_equal(one, arrays[0]) for one in arrays[1:])


def _patterns(here: Bools, scattered: Bools) -> list[Ints]:
    """Series that stand in the same pieces (``here`` is bool ``[pieces, series]``), without those in none."""
    pattern, size = np.zeros(here.shape[1], dtype=np.int64), 1
    for one in here:
        pattern, first = number(pattern * 2 + one, size * 2)
        size = len(first)
    pattern = np.where(scattered | ~here.any(axis=0), -1, pattern)
    return [members for one in range(size) if len(members := np.flatnonzero(pattern == one))]


def _joined(members: Ints, pieces: Sequence[tuple[Frame, Ints | slice]], scattered: Bools) -> Stack | None:
    """One stack of the members; those whose pieces overlap in time are marked in ``scattered`` instead."""
    path, times = _paths(pieces)
    apart = _apart(times)
    chosen: slice | Ints = slice(None)
    if not apart.all():
        good = apart[path]
        scattered[members[~good]] = True
        chosen = np.flatnonzero(good)
        if not len(chosen):
            return None
    return Stack(
        members[chosen],
        tuple(frame.matrix for frame, _ in pieces),
        tuple(frame.columns[columns][chosen] for frame, columns in pieces),
        np.concatenate(times),
        path[chosen],
    )


def _paths(pieces: Sequence[tuple[Frame, Ints | slice]]) -> tuple[Ints, list[Ints]]:
    """Number the series by their groups in all pieces: the numbers, and each piece's times by them."""
    groups = [frame.group[columns] for frame, columns in pieces]
    if len({frame.times.shape[1] for frame, _ in pieces}) == 1 and _alike(groups):
        return groups[0], [frame.times for frame, _ in pieces]
    path, first = number(groups[0], pieces[0][0].times.shape[1])
    for (frame, _), group in zip(pieces[1:], groups[1:], strict=True):
        width = frame.times.shape[1]
        path, first = number(path * width + group, len(first) * width)
    return path, [frame.times[:, group[first]] for (frame, _), group in zip(pieces, groups, strict=True)]


def _apart(times: Sequence[Ints]) -> Bools:
    """For which groups each piece begins after all pieces before it have ended."""
    latest = np.full(times[0].shape[1], np.iinfo(np.int64).min)
    apart = np.ones(times[0].shape[1], dtype=np.bool_)
    for piece in times:
        gaps = piece == NO_TIME
        first, last = piece[0], piece[-1]
        if gaps.any():
            first, last = np.where(gaps, NEVER, piece).min(axis=0), np.where(gaps, latest, piece).max(axis=0)
        apart &= first > latest
        latest = np.maximum(latest, last)
    return apart


def _columns(matrix: Floats | PackedCells, columns: Ints) -> Floats:
    """Columns of a matrix; a view where they are neighbours, as a whole target's are."""
    first, last = int(columns[0]), int(columns[-1])
    if last - first + 1 == len(columns) and bool((np.diff(columns) == 1).all()):
        return matrix[:, first : last + 1]
    return np.take(matrix, columns, axis=1)
