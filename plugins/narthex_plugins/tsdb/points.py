"""The general path: samples that do not fit a row.

These are samples with timestamps of their own, a second row for a slot, rows older than the open slab, and series that
two targets expose. Each is checked against the newest sample of its series (reference §7.3), and kept in parallel
arrays: an unsorted tail, and runs that are sorted by series and time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import NO_START, NO_TIME, Points
from narthex.storage.protocol import Appended
from narthex_plugins.tsdb.memory import grown, zeros

__all__ = ["PointStore", "Run", "joined_points", "joined_starts", "merge"]

Ints = NDArray[np.int64]
Newest = Callable[[Ints], tuple[Ints, NDArray[np.float64]]]

TAIL = 1 << 15
"""Points in the tail before it is sorted into a run; sorting so many takes about 3 ms."""

_HOUR = 3_600_000
_FAR = 1 << 62


class Run:
    """Points sorted by series, then time."""

    in_memory = True
    """Not so for the runs of sealed files."""

    number = 0
    """Of the file; 0 in memory."""

    def __init__(
        self,
        refs: NDArray[np.int32],
        times: Ints,
        values: NDArray[np.float64],
        bounds: tuple[int, int] | None = None,
        starts: Ints | None = None,
    ) -> None:
        """``bounds`` are the oldest and newest time, where they are known without looking at the times.

        ``starts`` are start timestamps as in :class:`Points`.
        """
        self.refs = refs
        self.times = times
        self.values = values
        self.starts = starts
        self.min_time, self.max_time = bounds or (int(times.min(initial=_FAR)), int(times.max(initial=-_FAR)))

    def part(self, chosen: NDArray[np.bool_]) -> Run:
        """The chosen points."""
        starts = None if self.starts is None else self.starts[chosen]
        return Run(self.refs[chosen], self.times[chosen], self.values[chosen], starts=starts)

    def pick(self, refs: Ints, start: int, end: int) -> Points:
        """Points of these series (ascending) in a window; ``series`` counts places in ``refs``."""
        if self.max_time < start or self.min_time > end:
            return Points.none()
        wanted = refs.astype(np.int32)
        low = np.searchsorted(self.refs, wanted, side="left")
        lengths = np.searchsorted(self.refs, wanted, side="right") - low
        total = int(lengths.sum())
        if not total:
            return Points.none()
        shift = np.repeat(low - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        index = np.arange(total) + shift
        times = self.times[index]
        inside = (times >= start) & (times <= end)
        index = index[inside]
        starts = None if self.starts is None else self.starts[index]
        return Points(np.repeat(np.arange(len(refs)), lengths)[inside], times[inside], self.values[index], starts)


def merge(runs: list[Run]) -> Run:
    """One run of several; of equal series and time the later run's sample stays."""
    refs = np.concatenate([run.refs for run in runs])
    times = np.concatenate([run.times for run in runs])
    values = np.concatenate([run.values for run in runs])
    starts = joined_starts([(run.starts, len(run.refs)) for run in runs])
    order = np.lexsort((times, refs))
    refs, times = refs[order], times[order]
    last = np.ones(len(refs), dtype=np.bool_)
    last[:-1] = (refs[1:] != refs[:-1]) | (times[1:] != times[:-1])
    kept = order[last]
    return Run(refs[last], times[last], values[kept], starts=None if starts is None else starts[kept])


def joined_points(parts: Sequence[Points]) -> Points:
    """Several runs of points one after the other."""
    if len(parts) < 2:
        return parts[0] if parts else Points.none()
    series, times, values = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "times", "values")
    )
    return Points(series, times, values, joined_starts([(part.starts, len(part.times)) for part in parts]))


def joined_starts(parts: Sequence[tuple[Ints | None, int]]) -> Ints | None:
    """The start timestamps of several runs one after the other, each with its length; None when none has any."""
    if all(starts is None for starts, _ in parts):
        return None
    return np.concatenate([np.full(size, NO_START) if starts is None else starts for starts, size in parts])


class Tail:
    """The newest points, in order of arrival; what lies below ``count`` never changes."""

    __slots__ = ("count", "refs", "starts", "times", "values")

    def __init__(self) -> None:
        self.count = 0
        self.refs: NDArray[np.int32] = zeros((TAIL,), np.int32)
        self.times: Ints = zeros((TAIL,), np.int64)
        self.values: NDArray[np.float64] = zeros((TAIL,), np.float64)
        self.starts: Ints | None = None
        """Start timestamps, once a point has one."""

    def add(self, points: Points, low: int) -> int:
        """Append points from ``low`` on, as many as fit; returns how many."""
        size = min(len(points.series) - low, TAIL - self.count)
        here, there = slice(self.count, self.count + size), slice(low, low + size)
        self.refs[here], self.times[here], self.values[here] = (
            points.series[there],
            points.times[there],
            points.values[there],
        )
        if points.starts is not None:
            self.starts = zeros((TAIL,), np.int64) if self.starts is None else self.starts
            self.starts[here] = points.starts[there]
        self.count += size
        return size

    def pick(self, refs: Ints, start: int, end: int) -> Points:
        """As :meth:`Run.pick`, in order of arrival."""
        count = self.count
        if not count or not len(refs):
            return Points.none()
        series, times = self.refs[:count].astype(np.int64), self.times[:count]
        at = np.minimum(np.searchsorted(refs, series), len(refs) - 1)
        hit = np.flatnonzero((refs[at] == series) & (times >= start) & (times <= end))
        starts = self.starts
        return Points(at[hit], times[hit], self.values[hit], None if starts is None else starts[hit])

    def sorted(self) -> Run:
        """All points as a run."""
        count = self.count
        starts = None if self.starts is None else self.starts[:count]
        return merge([Run(self.refs[:count], self.times[:count], self.values[:count], starts=starts)])


class PointStore:
    """Open points. One thread adds, any number read."""

    def __init__(self, window: int = 0) -> None:
        """``window``: samples that come late are taken when they are so much (ms) older than the newest of all."""
        self.window = window
        self.runs: tuple[Run, ...] = ()
        self._lock = threading.Lock()
        self._tail = Tail()
        # By reference, written only for series that have points, so untouched pages stay free.
        self._last_time: Ints = np.zeros(1024, dtype=np.int64)
        self._last_value: NDArray[np.float64] = np.zeros(1024)

    def __len__(self) -> int:
        """Points that are not sealed."""
        return self._tail.count + sum(len(run.refs) for run in self.runs if run.in_memory)

    def bounds(self) -> tuple[int, int]:
        """Oldest and newest time of the points that are not sealed; ``_FAR`` and its negative without any."""
        tail = self._tail
        times = tail.times[: tail.count]
        runs = [run for run in self.runs if run.in_memory]
        oldest = min([int(times.min(initial=_FAR)), *(run.min_time for run in runs)])
        return oldest, max([int(times.max(initial=-_FAR)), *(run.max_time for run in runs)])

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there are points for them."""
        tail = self._tail  # before the runs: see freeze
        flags = np.zeros(count, dtype=np.bool_)
        for refs in (tail.refs[: tail.count], *(run.refs for run in self.runs)):
            flags[refs[refs < count]] = True
        return flags

    def forget(self, refs: Ints) -> None:
        """The references may be given to other series."""
        known = refs[refs < len(self._last_time)]
        self._last_time[known] = NO_TIME

    # --- in ----------------------------------------------------------------------------------------------------------

    def add(self, points: Points, newest_row: Newest, newest: int) -> tuple[Points, Appended]:
        """Check and keep points; returns those that were new, and the counts.

        ``newest_row`` tells time and value of the newest sample that rows hold for each series, and ``newest`` is the
        newest time of all: what is more than an hour older is out of bounds, as in Prometheus's head. With a window
        late samples are taken within it, and what is older than both is too old.
        """
        if not len(points.series):
            return points, Appended()
        top = int(points.series.max()) + 1
        self._last_time, self._last_value = grown(self._last_time, top), grown(self._last_value, top)
        rows = np.arange(len(points.series))
        taken: list[Ints] = []
        counts = np.zeros(5, dtype=np.int64)  # stored, duplicate, out of order, too old, out of bounds
        while len(rows):  # one round, unless a series comes more than once
            first = np.sort(np.unique(points.series[rows], return_index=True)[1])
            new, verdict = self._judge(points, rows[first], newest_row, newest)
            taken.append(new)
            counts += verdict
            rows = np.delete(rows, first)
        stored = np.concatenate(taken)
        starts = None if points.starts is None else points.starts[stored]
        accepted = Points(points.series[stored], points.times[stored], points.values[stored], starts)
        self._keep(accepted)
        return accepted, Appended(*counts.tolist())

    def restore(self, points: Points) -> None:
        """Take points that were accepted before a restart."""
        if len(points.series):
            top = int(points.series.max()) + 1
            self._last_time, self._last_value = grown(self._last_time, top), grown(self._last_value, top)
            order = np.argsort(points.times, kind="stable")  # of a series that comes twice the newest stays
            order = order[points.times[order] >= self._last_time[points.series[order]]]
            series = points.series[order]
            self._last_time[series], self._last_value[series] = points.times[order], points.values[order]
            self._keep(points)

    def freeze(self) -> tuple[Run, ...]:
        """Sort the tail into a run; all runs."""
        if self._tail.count:
            # A reader that took the tail before and the runs after meets the points twice; select removes repeats.
            run = self._tail.sorted()
            with self._lock:
                self.runs = (*self.runs, run)
            self._tail = Tail()
        return self.runs

    def erase(self, gone: Callable[[Run], NDArray[np.bool_]]) -> None:
        """Take points that are not sealed away; ``gone`` tells which of a run."""
        for run in self.freeze():
            if run.in_memory and (erased := gone(run)).any():
                self.replace((run,), run.part(~erased))

    def replace(self, old: tuple[Run, ...], new: Run | None) -> None:
        """Some runs turn into another, or go away. May be called from any thread."""
        with self._lock:
            kept = [run for run in self.runs if not any(run is one for one in old)]
            self.runs = (new, *kept) if new is not None else tuple(kept)

    # --- out ---------------------------------------------------------------------------------------------------------

    def newest_times(self, refs: Ints) -> Ints:
        """The time of the newest point of each series, or ``NO_TIME``."""
        known = refs < len(self._last_time)
        times: Ints = np.full(len(refs), NO_TIME, dtype=np.int64)
        times[known] = self._last_time[refs[known]]
        return times

    def pick(
        self, refs: Ints, start: int, end: int, filtered: Callable[[Run, Points], Points] = lambda _, points: points
    ) -> list[Points]:
        """Points of these series (ascending) in a window; ``series`` counts places in ``refs``. May hold repeats.

        ``filtered`` may take some away.
        """
        tail = self._tail  # before the runs: see freeze
        return [*(filtered(run, run.pick(refs, start, end)) for run in self.runs), tail.pick(refs, start, end)]

    # --- inside ------------------------------------------------------------------------------------------------------

    def _judge(self, points: Points, rows: Ints, newest_row: Newest, newest: int) -> tuple[Ints, Ints]:
        refs, times, values = points.series[rows], points.times[rows], points.values[rows]
        last_time, last_value = newest_row(refs)
        own = self._last_time[refs]
        later = (own != NO_TIME) & ((own > last_time) | (last_time == NO_TIME))
        last_time = np.where(later, own, last_time)
        last_bits = np.where(later, self._last_value[refs].view(np.int64), last_value.view(np.int64))
        known = (last_time != NO_TIME) | later
        equal = known & (times == last_time)
        repeat = equal & (values.view(np.int64) == last_bits)
        late = known & (times < last_time)
        bounds = times < newest - _HOUR
        within = (times >= newest - self.window) & ~equal if self.window else np.zeros(len(rows), dtype=np.bool_)
        stored = ~(equal | late | bounds) | within
        # What comes late stays out of this: it is the newest time and value of a series that count here.
        new = rows[stored & ~late]
        self._last_time[points.series[new]] = points.times[new]
        self._last_value[points.series[new]] = points.values[new]
        refused = ~(stored | equal)
        old = refused & (late | bounds) if self.window else np.zeros(len(rows), dtype=np.bool_)
        refused &= ~old
        counts = (stored | repeat), (equal & ~repeat), (refused & late & ~bounds), old, (refused & bounds)
        return rows[stored], np.array([one.sum() for one in counts], dtype=np.int64)

    def _keep(self, points: Points) -> None:
        done = 0
        while done < len(points.series):
            done += self._tail.add(points, done)
            if self._tail.count == TAIL:
                self.freeze()
