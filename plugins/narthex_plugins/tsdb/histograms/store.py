"""Open histograms: which samples are accepted, and where they lie until they are sealed.

The newest samples are kept as objects, by series; a few thousand of them at a time are turned into columns, sorted by
series and time, which take 8 bytes for each bucket. Sealing compresses those and puts them on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import STALE_HISTOGRAM, Buckets, Hint, Histogram, same, with_stored_hint
from narthex.storage.frames import NO_START, NO_TIME, HistogramPoints
from narthex.storage.protocol import Appended
from narthex_plugins.tsdb.histograms.columns import Columns, Sample, columns_of_samples
from narthex_plugins.tsdb.histograms.joining import forgotten, joined_columns, without

__all__ = ["HistogramRun", "HistogramStore", "MemoryRun"]

Ints = NDArray[np.int64]
NewestFloats = Callable[[Ints], Ints]
"""For each reference (int64) the time of its newest float sample, or ``NO_TIME``."""

TAIL = 1 << 11
"""Samples kept as objects: 1 to 2 MB. To turn them into columns keeps the event loop for some 8 ms."""

_HOUR = 3_600_000
_FAR = 1 << 62


class HistogramRun(Protocol):
    """Samples sorted by series, then time: columns in memory, or a file with a number."""

    in_memory: bool
    number: int
    min_time: int
    max_time: int

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """Samples of these series (ascending) in a window; ``series`` counts places in ``refs``."""

    def weight(self, refs: Ints, start: int, end: int) -> int:
        """For about how many float samples those count."""

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there are samples for them."""


class MemoryRun:
    """Columns, not sealed yet, though that may be under way (``handed`` over)."""

    in_memory = True
    number = 0

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.handed = False
        self.min_time, self.max_time = int(columns.times.min()), int(columns.times.max())

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """See :class:`HistogramRun`."""
        if self.max_time < start or self.min_time > end or not len(refs):
            return HistogramPoints.none()
        return self.columns.pick(refs, start, end)

    def weight(self, refs: Ints, start: int, end: int) -> int:
        """See :class:`HistogramRun`."""
        return 0 if self.max_time < start or self.min_time > end else self.columns.weight(refs, start, end)

    def holds(self, count: int) -> NDArray[np.bool_]:
        """See :class:`HistogramRun`."""
        flags = np.zeros(count, dtype=np.bool_)
        flags[self.columns.refs[self.columns.refs < count]] = True
        return flags


class HistogramStore:
    """All histograms that are in no block. One thread adds, any number read."""

    def __init__(self, window: int = 0) -> None:
        """``window``: as in :class:`~narthex_plugins.tsdb.points.PointStore`."""
        self._window = window
        self.runs: tuple[HistogramRun, ...] = ()
        """In the order in which their samples came."""
        self._lock = threading.Lock()
        self._tail: dict[int, list[Sample]] = {}
        self._open = 0
        self._bounds = _FAR, -_FAR
        self._last: dict[int, tuple[int, Histogram]] = {}

    @property
    def size(self) -> int:
        """Bytes of samples that nobody seals yet, roughly."""
        return 700 * self._open + sum(run.columns.size for run in self._waiting())

    def bounds(self) -> tuple[int, int]:
        """Oldest and newest time of samples that nobody seals yet; far future and far past without any."""
        runs = self._waiting()
        low, high = self._bounds
        return min([low, *(run.min_time for run in runs)]), max([high, *(run.max_time for run in runs)])

    # --- in ----------------------------------------------------------------------------------------------------------

    def add(self, points: HistogramPoints, floats: NewestFloats, newest: int) -> tuple[list[Sample], Appended]:
        """Check and keep samples; returns those that were new, with their hints, and the counts.

        The rules are those of floats (reference §7.3); a series has one sample at a time, of either kind. ``newest`` is
        the newest time of all.
        """
        starts = [NO_START] * len(points) if points.starts is None else points.starts.tolist()
        rows = zip(
            points.series.tolist(), points.times.tolist(), starts, points.values, floats(points.series), strict=True
        )
        accepted: list[Sample] = []
        counts = dict.fromkeys(("stored", "duplicate", "out_of_order", "too_old", "out_of_bounds", "late"), 0)
        for ref, when, start, value, float_time in rows:
            verdict = self._verdict(ref, when, value, int(float_time), newest)
            counts[verdict or "stored"] += 1
            if verdict == "late":  # it is the newest sample of a series that counts for the next
                accepted.append((ref, when, start, _unknown(value)))
            elif not verdict:
                accepted.append((ref, when, start, self._prepared(ref, value, int(float_time))))
                self._last[ref] = (when, accepted[-1][3])
        self._keep(accepted)
        counts["stored"] += counts.pop("late")
        return accepted, Appended(**counts)

    def _verdict(self, ref: int, when: int, value: Histogram, float_time: int, newest: int) -> str:
        """What becomes of a sample: ``stored`` when it is there already, ``late``, a reason, or nothing: it is new."""
        last = self._last.get(ref)
        if last is not None and when == last[0]:
            return "stored" if same(last[1], value) else "duplicate"
        if float_time != NO_TIME and when == float_time:
            return "duplicate"
        late = (last is not None and when < last[0]) or (float_time != NO_TIME and when < float_time)
        bounds = when < newest - _HOUR
        if not (late or bounds):
            return ""
        if self._window:
            return "too_old" if when < newest - self._window else "late" if late else ""
        return "out_of_bounds" if bounds else "out_of_order"

    def _prepared(self, ref: int, value: Histogram, float_time: int) -> Histogram:
        """The value with the hint to keep, sharing its bucket indices with the sample before."""
        last = self._last.get(ref)
        if last is None or (float_time != NO_TIME and float_time > last[0]):
            return with_stored_hint(None, value)
        previous = last[1]
        found = with_stored_hint(previous, value)
        positive = _shared(previous.positive, found.positive)
        negative = _shared(previous.negative, found.negative)
        if positive is found.positive and negative is found.negative:
            return found
        return Histogram(
            found.schema,
            found.zero_threshold,
            found.zero_count,
            found.count,
            found.sum,
            positive,
            negative,
            previous.bounds if previous.bounds == found.bounds else found.bounds,
            found.hint,
        )

    def restore(self, samples: Iterable[Sample]) -> None:
        """Take samples that were accepted before a restart; repeats do no harm."""
        taken = list(samples)
        for ref, when, _, value in taken:
            if ref not in self._last or self._last[ref][0] < when:
                self._last[ref] = (when, value)
        self._keep(taken)

    def _keep(self, samples: Sequence[Sample]) -> None:
        if not samples:
            return
        for sample in samples:
            self._tail.setdefault(sample[0], []).append(sample)
        self._open += len(samples)
        low, high = self._bounds
        times = [when for _, when, _, _ in samples]
        self._bounds = min(low, *times), max(high, *times)
        if self._open >= TAIL:
            self.freeze()

    def forget(self, refs: Ints) -> None:
        """The references may be given to other series."""
        for ref in refs.tolist():
            self._last.pop(ref, None)

    def _waiting(self) -> list[MemoryRun]:
        return [run for run in self.runs if isinstance(run, MemoryRun) and not run.handed]

    def hand_over(self) -> tuple[MemoryRun, ...]:
        """Everything that is to be sealed, which nobody does yet."""
        self.freeze()
        found = tuple(self._waiting())
        for run in found:
            run.handed = True
        return found

    def freeze(self) -> tuple[HistogramRun, ...]:
        """Turn the objects into columns; all runs."""
        if self._open:
            samples = [one for ref in sorted(self._tail) for one in self._tail[ref]]
            run = MemoryRun(joined_columns([], [columns_of_samples(samples)]))
            # A reader that took the tail before and the runs after meets samples twice; select removes repeats.
            with self._lock:
                self.runs = (*self.runs, run)
            self._tail = {}
            self._open = 0
            self._bounds = _FAR, -_FAR
        return self.runs

    def erase(self, gone: Callable[[Columns], NDArray[np.bool_]], series: Ints) -> None:
        """Take samples that are not sealed away; ``gone`` tells which of some columns.

        Of ``series`` samples are deleted, here or in files: what comes next has nothing to be compared with.
        """
        for run in self.freeze():
            if isinstance(run, MemoryRun) and np.isin(run.columns.refs, series).any():
                run.columns = forgotten(without(run.columns, gone(run.columns)), series)
        for ref in series.tolist():
            if ref in self._last:
                self._last[ref] = (self._last[ref][0], STALE_HISTOGRAM)

    def replace(self, old: Sequence[HistogramRun], new: Sequence[HistogramRun]) -> None:
        """Some runs turn into others, or go away. May be called from any thread."""
        with self._lock:
            at = min((at for at, run in enumerate(self.runs) if any(run is one for one in old)), default=len(self.runs))
            kept = [run for run in self.runs if not any(run is one for one in old)]
            self.runs = (*kept[:at], *new, *kept[at:])

    def newest_times(self, refs: Ints) -> Ints | None:
        """The time of the newest histogram of each series, or ``NO_TIME``; None when there is no histogram at all."""
        if not self._last:
            return None
        last, none = self._last, (NO_TIME, STALE_HISTOGRAM)
        return np.array([last.get(ref, none)[0] for ref in refs.tolist()], dtype=np.int64)

    # --- out ---------------------------------------------------------------------------------------------------------

    def pick(
        self,
        refs: Ints,
        start: int,
        end: int,
        filtered: Callable[[HistogramRun, HistogramPoints], HistogramPoints] = lambda _, points: points,
    ) -> tuple[list[HistogramPoints], list[HistogramPoints]]:
        """Samples of these series (ascending) in a window, of files and of what is open, in order of arrival.

        ``series`` counts places in ``refs``. There may be repeats. ``filtered`` may take some away.
        """
        tail = self._tail  # before the runs: see freeze
        found = [(run.in_memory, filtered(run, run.pick(refs, start, end))) for run in self.runs]
        found.append((True, _pick_open(tail, refs, start, end)))
        files, still_open = ([one for here, one in found if here is memory and len(one)] for memory in (False, True))
        return files, still_open

    def weight(self, refs: Ints, start: int, end: int) -> int:
        """For about how many float samples those of these series count, the few that are no columns yet apart."""
        return sum(run.weight(refs, start, end) for run in self.runs)

    def holds(self, count: int, start: int, end: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether they may have samples in the window."""
        tail = list(self._tail)
        flags = np.zeros(count, dtype=np.bool_)
        for run in self.runs:
            if run.min_time <= end and run.max_time >= start:
                flags |= run.holds(count)
        known = np.array(tail, dtype=np.int64)
        flags[known[known < count]] = True
        return flags


def _unknown(value: Histogram) -> Histogram:
    return value if value.hint is Hint.GAUGE or value.stale else value.with_hint(Hint.UNKNOWN)


def _shared(previous: Buckets, current: Buckets) -> Buckets:
    if previous.index is not current.index and np.array_equal(previous.index, current.index):
        return previous.with_counts(current.counts)
    return current


def _pick_open(tail: dict[int, list[Sample]], refs: Ints, start: int, end: int) -> HistogramPoints:
    known = np.array(list(tail), dtype=np.int64)  # one call: the dictionary may grow meanwhile
    if not len(known) or not len(refs):
        return HistogramPoints.none()
    known.sort()
    places = np.searchsorted(refs, known)
    there = refs[np.minimum(places, len(refs) - 1)] == known
    found = [
        (place, sample)
        for place, ref in zip(places[there].tolist(), known[there].tolist(), strict=True)
        for sample in tuple(tail[ref])
        if start <= sample[1] <= end
    ]
    if not found:
        return HistogramPoints.none()
    starts = [sample[2] for _, sample in found]
    return HistogramPoints.of(
        [place for place, _ in found],
        [sample[1] for _, sample in found],
        [sample[3] for _, sample in found],
        starts if any(starts) else None,
    )
