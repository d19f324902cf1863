"""A storage that keeps everything in dictionaries: for tests, of plugins as well as of the core.

It follows the contract of :mod:`narthex.storage.protocol` and Prometheus's rules for acceptance (same time and value:
taken; same time, other value: duplicate; earlier than the series' last sample: out of order). It answers with points
only, so it is slow, and simple enough to be believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import Histogram, same, with_stored_hint
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.model.sample import MISSING_BITS
from narthex.storage.frames import NO_START, HistogramPoints, Points, Selection
from narthex.storage.protocol import Appended, Batch, Storage, StorageStats

__all__ = ["MemoryLane", "MemoryStorage"]

_Sample = np.float64 | Histogram
_Series = dict[int, _Sample]


class MemoryLane:
    """A lane that remembers its references."""

    def __init__(self, interval: int, phase: int) -> None:
        self.interval = interval
        self.phase = phase
        self.refs: list[int] = []
        self.closed = False
        self.last = -(1 << 63)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.refs)

    def extend(self, refs: NDArray[np.int64]) -> None:
        """Add columns. A reference may stand in a lane once only."""
        self.refs += refs.tolist()
        assert len(set(self.refs)) == len(self.refs), "a series is in the lane twice"

    def close(self) -> None:
        """No more rows."""
        self.closed = True


class MemoryStorage:
    """Every sample of every series. ``lanes`` and ``batches`` tell how it got here."""

    def __init__(self) -> None:
        self.lanes: list[MemoryLane] = []
        self.batches: list[Batch] = []
        self._refs: dict[Labels, int] = {}
        self._samples: list[_Series] = []
        self._starts: dict[tuple[int, int], int] = {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    def register(self, labels: Sequence[Labels]) -> NDArray[np.int64]:
        """Number series by first appearance."""
        refs = [self._refs.setdefault(one, len(self._refs)) for one in labels]
        self._samples += [{} for _ in range(len(self._refs) - len(self._samples))]
        return np.array(refs, dtype=np.int64)

    def open_lane(self, interval: int, phase: int) -> MemoryLane:
        """A new, empty lane."""
        self.lanes.append(MemoryLane(interval, phase))
        return self.lanes[-1]

    def append(self, batch: Batch) -> Appended:
        """Take a row and its points. Breaking the contract of lanes is an ``AssertionError``."""
        lane = batch.lane
        assert isinstance(lane, MemoryLane)
        assert not lane.closed, "row for a closed lane"
        assert len(batch.values) == lane.width, f"{len(batch.values)} values for {lane.width} columns"
        assert batch.timestamp > lane.last, "rows of a lane must come in order of time"
        lane.last = batch.timestamp
        values = batch.values.copy()
        self.batches.append(replace(batch, values=values))
        there = np.flatnonzero(values.view(np.int64) != MISSING_BITS)
        outcome = Counter(self._put(lane.refs[cell], batch.timestamp, values[cell]) for cell in there.tolist())
        for points in (batch.points, batch.histograms):
            if points is not None:
                outcome.update(self._put_points(points))
        return Appended(outcome["stored"], outcome["duplicate"], outcome["out_of_order"])

    def _put_points(self, points: Points | HistogramPoints) -> Iterable[str]:
        starts = [NO_START] * len(points.times) if points.starts is None else points.starts.tolist()
        rows = zip(points.series.tolist(), points.times.tolist(), points.values, starts, strict=True)
        return [self._put(ref, when, value, start) for ref, when, value, start in rows]

    def _put(self, ref: int, when: int, value: _Sample, start: int = NO_START) -> str:
        samples = self._samples[ref]
        if when in samples:
            return "stored" if _equal(samples[when], value) else "duplicate"
        newest = max(samples, default=None)
        if newest is not None and when < newest:
            return "out_of_order"
        if isinstance(value, Histogram):
            previous = None if newest is None else samples[newest]
            value = with_stored_hint(previous if isinstance(previous, Histogram) else None, value)
        samples[when] = value
        if start != NO_START:
            self._starts[ref, when] = start
        return "stored"

    # --- reading ------------------------------------------------------------------------------------------------------

    def samples(self, **labels: str) -> dict[Labels, list[tuple[int, float]]]:
        """Floats ``(ms, value)`` of the series that have these labels, for assertions. ``name`` is ``__name__``."""
        return {
            one: [(when, float(value)) for when, value in samples if not isinstance(value, Histogram)]
            for one, samples in self._having(labels)
            if not all(isinstance(value, Histogram) for _, value in samples)
        }

    def histograms(self, **labels: str) -> dict[Labels, list[tuple[int, Histogram]]]:
        """The same for histograms."""
        return {
            one: [(when, value) for when, value in samples if isinstance(value, Histogram)]
            for one, samples in self._having(labels)
            if any(isinstance(value, Histogram) for _, value in samples)
        }

    def starts(self, **labels: str) -> dict[Labels, list[tuple[int, int]]]:
        """Start timestamps ``(ms, ms)`` that are known, by the sample's time."""
        return {
            one: [(when, self._starts[ref, when]) for when, _ in samples if (ref, when) in self._starts]
            for one, samples in self._having(labels)
            for ref in (self._refs[one],)
        }

    def _having(self, labels: dict[str, str]) -> list[tuple[Labels, list[tuple[int, _Sample]]]]:
        wanted = {"__name__" if name == "name" else name: value for name, value in labels.items()}
        return [
            (one, sorted(self._samples[ref].items()))
            for one, ref in self._refs.items()
            if wanted.items() <= dict(one).items() and self._samples[ref]
        ]

    def _matching(self, sets: Sequence[Sequence[Matcher]], start: int, end: int) -> list[tuple[Labels, int]]:
        return [
            (labels, ref)
            for labels, ref in sorted(self._refs.items())
            if any(all(m.matches(labels.get_or_empty(m.name)) for m in one) for one in (sets or [()]))
            and any(start <= when <= end for when in self._samples[ref])
        ]

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Points of the matching series."""
        found = self._matching([matchers], start, end)
        rows = [
            (row, when, value, self._starts.get((ref, when), NO_START))
            for row, (_, ref) in enumerate(found)
            for when, value in sorted(self._samples[ref].items())
            if start <= when <= end
        ]
        table = LabelTable.of([labels for labels, _ in found])
        return Selection(table, (), self._floats(rows), self._histogram_points(rows))

    def _floats(self, rows: Sequence[tuple[int, int, _Sample, int]]) -> Points:
        floats = [(row, when, value, start) for row, when, value, start in rows if not isinstance(value, Histogram)]
        return Points(
            np.array([row for row, _, _, _ in floats], dtype=np.int64),
            np.array([when for _, when, _, _ in floats], dtype=np.int64),
            np.array([_bits(value) for _, _, value, _ in floats], dtype=np.int64).view(np.float64),
            np.array([start for _, _, _, start in floats], dtype=np.int64) if self._starts else None,
        )

    def _histogram_points(self, rows: Sequence[tuple[int, int, _Sample, int]]) -> HistogramPoints:
        held = [(row, when, value, start) for row, when, value, start in rows if isinstance(value, Histogram)]
        if not held:
            return HistogramPoints.none()
        series, times, values, starts = zip(*held, strict=True)
        return HistogramPoints.of(series, times, values, starts if self._starts else None)

    def label_names(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Sorted label names."""
        return sorted({name for labels, _ in self._matching(matchers, start, end) for name in labels})

    def label_values(self, name: str, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Sorted values of one label."""
        return sorted({labels[name] for labels, _ in self._matching(matchers, start, end) if name in labels})

    def series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[Labels]:
        """Sorted label sets."""
        return [labels for labels, _ in self._matching(matchers, start, end)]

    def stats(self, limit: int) -> StorageStats:
        """Counts of what is there."""
        times = [when for samples in self._samples for when in samples]
        return StorageStats(
            series=len(self._refs),
            label_pairs=len({pair for labels in self._refs for pair in labels.items()}),
            min_time=min(times, default=0),
            max_time=max(times, default=0),
            series_by_metric=_top((labels.get_or_empty("__name__") for labels in self._refs), limit),
            series_by_pair=_top((f"{n}={v}" for labels in self._refs for n, v in labels.items()), limit),
        )


def _top(names: Iterable[str], limit: int) -> list[tuple[str, int]]:
    return Counter(names).most_common(limit)


def _equal(one: _Sample, other: _Sample) -> bool:
    if isinstance(one, Histogram) or isinstance(other, Histogram):
        return isinstance(one, Histogram) and isinstance(other, Histogram) and same(one, other)
    return _bits(one) == _bits(other)


def _bits(value: np.float64) -> int:
    return int(np.float64(value).view(np.int64))


_: Storage = MemoryStorage()
