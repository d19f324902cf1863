"""Instant selectors: the newest sample of each series in ``(t - lookback, t]``, for all steps at once.

Only the cells that are the answer are touched. A window of 200,000 series by 300 rows is 480 MB; its newest row is
1.6 MB. Rows are found once for each group of series; a cell that turns out to be ``MISSING`` sends its column, and only
that, to a search along the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from narthex.model.sample import is_missing, is_stale
from narthex.promql.engine.few import FEW, NO_SAMPLE, newest_of_few
from narthex.promql.engine.gather_rows import after, filled, occurrences, trimmed
from narthex.promql.engine.stacks import Stack, stacked
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.storage.frames import NO_TIME, Frame, Points, Selection, sources_of

__all__ = ["Latest", "latest"]

_CELLS = 1 << 22
"""Cells of a block of columns that are searched row by row (32 MB of float64)."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest samples: ``values`` float64 ``[K, n]``, ``present`` bool ``[K, n]`` or None for everywhere.

    Their times (ms) are needed by few; they are kept by group, ``group_times`` int64 ``[K, G]`` and ``group`` int64
    ``[n]``, where None says that each series is a group.
    """

    values: Floats
    present: Bools | None
    group_times: Ints
    group: Ints | None = None

    @property
    def times(self) -> Ints:
        """The time of each sample: int64 ``[K, n]``, ms."""
        return self.group_times if self.group is None else self.group_times[:, self.group]


def latest(selection: Selection, moments: Ints, lookback: int) -> Latest:
    """The newest sample of every selected series at each of the ascending ``moments`` (int64 ``[K]``, ms).

    A series whose newest sample is a staleness marker is absent. Where two samples of a series have one timestamp,
    the frame given later wins, and points win over frames.
    """
    if selection.labels.rows <= FEW:
        times, values = newest_of_few(selection, moments)
        return _seen(values, times, None, moments, lookback)
    best = _Best(len(moments), selection.labels.rows)
    if len(selection.points.series):
        series, times, values = _of_points(selection.points, moments)
        best.take(series, _Found(values, times, None))
    if len(moments) > 1:
        _of_many(selection, moments, lookback, best)
    else:
        _of_one(selection.frames, moments, lookback, best)
    return _seen(best.values, best.times, best.group, moments, lookback)


def _of_many(selection: Selection, moments: Ints, lookback: int, best: _Best) -> None:
    """The newest samples of many moments: series are joined over all frames first."""
    oldest, newest = int(moments[0]) - lookback, int(moments[-1])
    frames = [cut for frame in selection.frames if (cut := trimmed(frame, oldest, newest)) is not None]
    joined, scattered = stacked(frames, Selection(selection.labels, frames, Points.none()))
    for stack in joined:
        best.take(stack.series, _of_stack(stack, moments))
    if scattered is not None:
        for frame in reversed(frames):
            _take(_only(frame, scattered), moments, best)


def _of_one(frames: Sequence[Frame], moments: Ints, lookback: int, best: _Best) -> None:
    """The newest samples of one moment: mostly the newest frame has them all, and no other is even made."""
    moment = int(moments[0])
    for source in reversed(sources_of(frames)):
        if best.is_as_new_as(min(source.newest, moment)):
            continue
        for frame in reversed(source.frames()):
            cut = trimmed(frame, moment - lookback, moment)
            if cut is not None:
                _take(cut, moments, best)


def _take(frame: Frame, moments: Ints, best: _Best) -> None:
    """What a frame has that is newer than the best so far."""
    columns = best.open_columns(frame, moments)
    if columns is None:
        return
    found = _of_stack(_alone(frame).take(columns), moments)
    series = frame.series[columns]
    for part in reversed(_parts(series)):
        best.take(series[part], found.part(part))


def _only(frame: Frame, wanted: Bools) -> Frame:
    """The columns of the wanted series (bool by row of the label table)."""
    columns = np.flatnonzero(wanted[frame.series])
    return Frame(frame.matrix, frame.columns[columns], frame.series[columns], frame.times, frame.group[columns])


def _alone(frame: Frame) -> Stack:
    return Stack(frame.series, (frame.matrix,), (frame.columns,), frame.times, frame.group)


def _seen(values: Floats, times: Ints, group: Ints | None, moments: Ints, lookback: int) -> Latest:
    """The newest samples, less those that are too old, and those that say that their series has ended."""
    fresh = times > (moments - lookback)[:, None]
    if fresh.all() and not _any_nan(values):  # as nearly always: nothing else of that size is made
        return Latest(values, None, times, group)
    present = ~is_stale(values)
    present &= fresh if group is None else fresh[:, group]
    return Latest(values, None if present.all() else present, times, group)


def _any_nan(values: Floats) -> bool:
    """Whether any value is a NaN, as holes and staleness markers are; without a matrix of flags."""
    return bool(values.size) and bool(np.isnan(values.min()))


@dataclass(frozen=True, slots=True)
class _Found:
    """Newest samples of some series; fields as those of :class:`Latest`."""

    values: Floats
    times: Ints
    group: Ints | None

    def part(self, columns: slice | Ints) -> _Found:
        if self.group is None:
            return _Found(self.values[:, columns], self.times[:, columns], None)
        return _Found(self.values[:, columns], self.times, self.group[columns])

    def wide(self) -> Ints:
        """The time of each cell."""
        return self.times if self.group is None else self.times[:, self.group]


class _Best:
    """The newest sample of each series so far. What comes first wins a tie, so the latest given is taken first."""

    def __init__(self, steps: int, rows: int) -> None:
        self._shape = steps, rows
        self._found: _Found | None = None

    @property
    def values(self) -> Floats:
        return self._all().values

    @property
    def times(self) -> Ints:
        return self._all().times

    @property
    def group(self) -> Ints | None:
        return self._all().group

    def _all(self) -> _Found:
        if self._found is None:
            self._found = _Found(np.zeros(self._shape), np.full(self._shape, NO_SAMPLE), None)
        return self._found

    def is_as_new_as(self, limit: int) -> bool:
        """Whether every series has a sample that is at least as new (ms)."""
        return self._found is not None and bool((self._found.times >= limit).all())

    def open_columns(self, frame: Frame, moments: Ints) -> slice | Ints | None:
        """The columns of a frame that may hold something newer; None when none can.

        Frames come in order of time, so once the newest slab has answered, the older ones are not looked at.
        """
        if self._found is None or not len(frame.series):
            return slice(None) if len(frame.series) else None
        limit = np.minimum(moments, int(frame.times.max()))
        open_ = (self._found.wide()[:, frame.series] < limit[:, None]).any(axis=0)
        if open_.all():
            return slice(None)
        columns = np.flatnonzero(open_)
        return columns if len(columns) else None

    def take(self, series: Ints, found: _Found) -> None:
        """Samples of some series, in the order of ``series``."""
        rows = self._shape[1]
        if self._found is None and len(series) == rows and bool((series == np.arange(rows)).all()):
            self._found = found
            return
        best = self._all()
        times, known = found.wide(), best.wide()
        newer = times > known[:, series]
        known[:, series] = np.where(newer, times, known[:, series])
        # Copied as integers: a float assignment may quieten the staleness marker's payload.
        bits = best.values.view(np.int64)
        bits[:, series] = np.where(newer, np.ascontiguousarray(found.values).view(np.int64), bits[:, series])
        self._found = _Found(best.values, known, None)


def _parts(series: Ints) -> list[slice] | list[Ints]:
    parts = occurrences(series)
    return [slice(None)] if len(parts) == 1 else parts


def _of_stack(stack: Stack, moments: Ints) -> _Found:
    """Each series' newest sample at or before each moment."""
    gaps = bool((stack.times == NO_TIME).any())
    known = filled(stack.times) if gaps else stack.times
    rows = after(known, moments) - 1
    if gaps:
        rows = _first_of_run(known, rows)
    groups = np.arange(known.shape[1])
    clipped = np.maximum(rows, 0)
    times = known[clipped, groups]
    times = np.where((rows < 0) | (times == NO_TIME), NO_SAMPLE, times)
    values = stack.at(clipped)
    if _any_nan(values):
        wide_times = times[:, stack.group]
        holes = is_missing(values) & (wide_times != NO_SAMPLE)
        columns = np.flatnonzero(holes.any(axis=0))
        if len(columns):
            _search_columns(stack, known, columns, rows, wide_times, values)
            return _Found(values, wide_times, None)
    return _Found(values, times, stack.group)


def _first_of_run(known: Ints, rows: Ints) -> Ints:
    """Rows of filled times carry the time of a row before: the row that has the sample is the first of its run."""
    fresh = np.ones(known.shape, dtype=np.bool_)
    fresh[1:] = known[1:] != known[:-1]
    source = np.maximum.accumulate(np.where(fresh, np.arange(len(known))[:, None], 0), axis=0)
    return np.where(rows < 0, rows, source[np.maximum(rows, 0), np.arange(known.shape[1])])


def _search_columns(stack: Stack, known: Ints, columns: Ints, rows: Ints, times: Ints, values: Floats) -> None:
    """Write the newest sample that really exists into ``times`` and ``values``, for columns that have holes."""
    height = len(known)
    width = max(1, _CELLS // max(1, height))
    for at in range(0, len(columns), width):
        part = columns[at : at + width]
        group = stack.group[part]
        cells = stack.take(part).cells()
        valid = ~is_missing(cells) & (stack.times[:, group] != NO_TIME)
        last = np.maximum.accumulate(np.where(valid, np.arange(height)[:, None], -1), axis=0)
        wanted = rows[:, group]
        here = np.arange(len(part))
        row = np.where(wanted < 0, -1, last[np.maximum(wanted, 0), here])
        clipped = np.maximum(row, 0)
        times[:, part] = np.where(row < 0, NO_SAMPLE, known[clipped, group])
        values[:, part] = cells[clipped, here]


def _of_points(points: Points, moments: Ints) -> tuple[Ints, Ints, Floats]:
    """Series, and ``[K, series]`` times and values of their newest point at or before each moment."""
    starts = np.flatnonzero(np.concatenate([[True], points.series[1:] != points.series[:-1]]))
    series = points.series[starts]
    low = min(int(points.times.min()), int(moments[0])) - 1
    high = max(int(points.times.max()), int(moments[-1])) + 1
    span = high - low + 1
    rank = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(points.series))))
    keys = (points.times - low) + rank * span
    wanted = (moments - low)[:, None] + (np.arange(len(starts)) * span)[None, :]
    at = np.searchsorted(keys, wanted.ravel(), side="right").reshape(wanted.shape) - 1
    inside = at >= starts
    clipped = np.maximum(at, 0)
    return series, np.where(inside, points.times[clipped], NO_SAMPLE), points.values[clipped]
