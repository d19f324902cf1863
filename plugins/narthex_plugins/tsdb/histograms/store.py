"""Open histograms: which samples are accepted, and where they lie until they are sealed.

The newest samples are kept as objects, by series; a few thousand of them at a time are turned into columns, sorted by
series and time, which take 8 bytes for each bucket. Sealing compresses those and puts them on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import Buckets, Histogram, same, with_stored_hint
from narthex.storage.frames import NO_START, NO_TIME, HistogramPoints
from narthex.storage.protocol import Appended
from narthex_plugins.tsdb.histograms.columns import Columns, Sample, columns_of_samples

__all__ = ["HistogramStore", "MemoryRun", "Run"]

Ints = NDArray[np.int64]
NewestFloats = Callable[[Ints], Ints]
"""For each reference (int64) the time of its newest float sample, or ``NO_TIME``."""

TAIL = 1 << 11
"""Samples kept as objects: 1 to 2 MB. To turn them into columns keeps the event loop for some 8 ms."""

_HOUR = 3_600_000


class Run(Protocol):
    """Samples sorted by series, then time: columns in memory, or a file."""

    in_memory: bool
    min_time: int
    max_time: int

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """Samples of these series (ascending) in a window; ``series`` counts places in ``refs``."""

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there are samples for them."""


class MemoryRun:
    """Columns, not sealed yet."""

    in_memory = True

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.min_time, self.max_time = int(columns.times.min()), int(columns.times.max())

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """See :class:`Run`."""
        if self.max_time < start or self.min_time > end or not len(refs):
            return HistogramPoints.none()
        return self.columns.pick(refs, start, end)

    def holds(self, count: int) -> NDArray[np.bool_]:
        """See :class:`Run`."""
        flags = np.zeros(count, dtype=np.bool_)
        flags[self.columns.refs[self.columns.refs < count]] = True
        return flags


class HistogramStore:
    """All histograms. One thread adds, any number read."""

    def __init__(self) -> None:
        self.runs: tuple[Run, ...] = ()
        self._lock = threading.Lock()
        self._tail: dict[int, list[Sample]] = {}
        self._open = 0
        self._last: dict[int, tuple[int, Histogram]] = {}

    @property
    def size(self) -> int:
        """Bytes of samples that are not sealed, roughly."""
        return 700 * self._open + sum(run.columns.size for run in self.runs if isinstance(run, MemoryRun))

    # --- in ----------------------------------------------------------------------------------------------------------

    def add(self, points: HistogramPoints, floats: NewestFloats, newest: int) -> tuple[list[Sample], Appended]:
        """Check and keep samples; returns those that were new, with their hints, and the counts.

        The rules are those of floats (reference §7.3); a series has one sample at a time, of either kind.
        """
        starts = [NO_START] * len(points) if points.starts is None else points.starts.tolist()
        rows = zip(
            points.series.tolist(), points.times.tolist(), starts, points.values, floats(points.series), strict=True
        )
        accepted: list[Sample] = []
        counts = dict.fromkeys(("stored", "duplicate", "out_of_order", "out_of_bounds"), 0)
        for ref, when, start, value, float_time in rows:
            verdict = self._verdict(ref, when, value, int(float_time), newest - _HOUR)
            counts[verdict or "stored"] += 1
            if not verdict:
                accepted.append((ref, when, start, self._prepared(ref, value, int(float_time))))
                self._last[ref] = (when, accepted[-1][3])
        self._keep(accepted)
        return accepted, Appended(
            counts["stored"], counts["duplicate"], counts["out_of_order"], 0, counts["out_of_bounds"]
        )

    def _verdict(self, ref: int, when: int, value: Histogram, float_time: int, floor: int) -> str:
        """Why a sample is not stored; ``stored`` when it is there already, and nothing when it is new."""
        last = self._last.get(ref)
        if last is not None and when == last[0]:
            return "stored" if same(last[1], value) else "duplicate"
        if when < floor:
            return "out_of_bounds"
        if float_time != NO_TIME and when == float_time:
            return "duplicate"
        if (last is not None and when < last[0]) or (float_time != NO_TIME and when < float_time):
            return "out_of_order"
        return ""

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

    def restore(self, samples: Iterable[Sample]) -> list[Sample]:
        """Take samples that were accepted before a restart, each once however often it was logged; those taken."""
        taken: list[Sample] = []
        for sample in samples:
            ref, when, _, value = sample
            if ref not in self._last or self._last[ref][0] < when:
                self._last[ref] = (when, value)
                taken.append(sample)
        self._keep(taken)
        return taken

    def _keep(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self._tail.setdefault(sample[0], []).append(sample)
            self._open += 1
        if self._open >= TAIL:
            self.freeze()

    def open_samples(self, besides: tuple[Run, ...]) -> list[Sample]:
        """Everything open but what these runs hold. From any thread; may hold repeats."""
        tail = self._tail  # before the runs: see freeze
        found = [sample for ref in list(tail) for sample in tuple(tail[ref])]
        for run in self.runs:
            if isinstance(run, MemoryRun) and not any(run is one for one in besides):
                found += run.columns.samples()
        return sorted(found, key=lambda sample: sample[:2])

    def forget(self, refs: Ints) -> None:
        """The references may be given to other series."""
        for ref in refs.tolist():
            self._last.pop(ref, None)

    def freeze(self) -> tuple[Run, ...]:
        """Turn the objects into columns; all runs."""
        if self._open:
            samples = [one for ref in sorted(self._tail) for one in self._tail[ref]]
            run = MemoryRun(columns_of_samples(samples))
            # A reader that took the tail before and the runs after meets samples twice; select removes repeats.
            with self._lock:
                self.runs = (*self.runs, run)
            self._tail = {}
            self._open = 0
        return self.runs

    def replace(self, old: tuple[Run, ...], new: Run | None) -> None:
        """Some runs turn into another, or go away. May be called from any thread."""
        with self._lock:
            kept = [run for run in self.runs if not any(run is one for one in old)]
            self.runs = (new, *kept) if new is not None else tuple(kept)

    # --- out ---------------------------------------------------------------------------------------------------------

    def pick(self, refs: Ints, start: int, end: int) -> list[HistogramPoints]:
        """Samples of these series (ascending) in a window; ``series`` counts places in ``refs``. May hold repeats."""
        tail = self._tail  # before the runs: see freeze
        runs = self.runs
        found = [run.pick(refs, start, end) for run in runs]
        found.append(_pick_open(tail, refs, start, end))
        return [one for one in found if len(one)]

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
