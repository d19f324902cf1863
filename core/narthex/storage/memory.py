"""A storage that keeps everything in memory: the smallest whole implementation of the storage contract.

It is for tests, for trying things out, and for servers whose history may end with them; the kind ``memory`` of
:mod:`narthex_plugins.memory` makes it selectable. Samples stand in one growing array a series, so it takes 16 bytes a
sample and a look at each series for each row: simple enough to be believed, and slower than the columns of the embedded
storage (0.3 µs against 0.05 to append a sample, its log included). It answers with points only.

Acceptance is Prometheus's: the same time and value again is taken, another value for that time is a duplicate, and what
is earlier than its series' newest sample is out of order.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.metadata import FamilyMetadata
from narthex.model.sample import MISSING_BITS
from narthex.storage.frames import NO_START, HistogramPoints, Points, Selection
from narthex.storage.metadata import MetadataBook
from narthex.storage.protocol import Appended, Batch, Storage, StorageStats
from narthex.storage.track import Track

__all__ = ["MemoryLane", "MemoryStorage"]

_TRIMS = 20  # in the time of one retention


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
        """Add columns."""
        self.refs += refs.tolist()

    def close(self) -> None:
        """No more rows."""
        self.closed = True


class MemoryStorage:
    """See the module. ``retention`` is in ms, 0 keeps samples for ever; ``now`` gives seconds since the epoch.

    Label sets are kept until the end, also those whose samples have left: their references stay valid.
    """

    def __init__(self, retention: int = 0, now: Callable[[], float] = lambda: 0.0) -> None:
        self._retention = retention
        self._now = now
        self._next_trim = 0
        self._lock = threading.Lock()  # readers are in other threads, and must not see half a row
        self._refs: dict[Labels, int] = {}
        self._tracks: list[Track] = []
        self._by_name: dict[str, list[Labels]] = {}
        self._metadata = MetadataBook()

    def reconfigure(self, config: Any) -> None:
        """Keep samples for ``config.retention`` from now on."""
        self._retention, self._next_trim = int(config.retention), 0

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    def register(self, labels: Sequence[Labels]) -> NDArray[np.int64]:
        """Number series by first appearance."""
        with self._lock:
            return np.array([self._ref(one) for one in labels], dtype=np.int64)

    def _ref(self, labels: Labels) -> int:
        ref = self._refs.setdefault(labels, len(self._refs))
        if ref == len(self._tracks):
            self._tracks.append(Track())
            self._by_name.setdefault(labels.get_or_empty("__name__"), []).append(labels)
        return ref

    def open_lane(self, interval: int, phase: int) -> MemoryLane:
        """A new, empty lane."""
        return MemoryLane(interval, phase)

    def append(self, batch: Batch) -> Appended:
        """Take a row and its points. Raises ``StorageError`` for a row that its lane cannot take."""
        lane = batch.lane
        if not isinstance(lane, MemoryLane) or lane.closed:
            raise StorageError("a row for a lane that is closed, or another storage's")
        if len(batch.values) != lane.width:
            raise StorageError(f"{len(batch.values)} values for a lane of {lane.width} columns")
        if batch.timestamp <= lane.last:
            raise StorageError(f"a row at {batch.timestamp} after one at {lane.last} of the same lane")
        lane.last = batch.timestamp
        outcome: Counter[str] = Counter()
        with self._lock:
            outcome.update(self._put_row(lane.refs, batch.timestamp, batch.values))
            for points in (batch.points, batch.histograms):
                if points is not None:
                    outcome.update(self._put_points(points))
            self._trim()
        return Appended(outcome["stored"], outcome["duplicate"], outcome["out_of_order"])

    def _put_row(self, refs: Sequence[int], when: int, values: NDArray[np.float64]) -> list[str]:
        # As integers all the way: a float of Python's may lose the payload that makes a NaN a stale marker.
        bits = np.ascontiguousarray(values).view(np.int64).tolist()
        tracks = self._tracks
        return [tracks[ref].put(when, one) for ref, one in zip(refs, bits, strict=True) if one != MISSING_BITS]

    def _put_points(self, points: Points | HistogramPoints) -> Iterator[str]:
        starts = [NO_START] * len(points.times) if points.starts is None else points.starts.tolist()
        values = points.values if isinstance(points, HistogramPoints) else points.values.view(np.int64)
        rows = zip(points.series.tolist(), points.times.tolist(), values.tolist(), starts, strict=True)
        return (self._tracks[ref].put(when, value, start) for ref, when, value, start in rows)

    def _trim(self) -> None:
        """Let go of what is older than the retention, now and then."""
        now = int(self._now() * 1000)
        if self._retention and now >= self._next_trim:
            self._next_trim = now + self._retention // _TRIMS
            for track in self._tracks:
                track.trim(now - self._retention)
            self._metadata.expire(now - self._retention)

    # --- metadata -----------------------------------------------------------------------------------------------------

    def note_metadata(self, target: Labels, families: Mapping[str, FamilyMetadata]) -> None:
        """What a target says of its families."""
        self._metadata.note(target, families)

    def end_metadata(self, target: Labels) -> None:
        """The target is gone."""
        self._metadata.end(target, int(self._now() * 1000))

    def metadata(self, metric: str = "") -> Mapping[str, Sequence[FamilyMetadata]]:
        """What targets said of each family."""
        return self._metadata.families(metric)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _matching(self, sets: Sequence[Sequence[Matcher]], start: int, end: int) -> list[tuple[Labels, Track]]:
        """The series that fit any of the sets (none: all) and have a sample in the window, sorted by labels."""
        found = {labels: self._tracks[self._refs[labels]] for one in (sets or [()]) for labels in self._fitting(one)}
        return sorted((pair for pair in found.items() if pair[1].has(start, end)), key=lambda pair: pair[0])

    def _fitting(self, matchers: Sequence[Matcher]) -> list[Labels]:
        names = [one.value for one in matchers if one.name == "__name__" and one.op is MatchOp.EQUAL]
        candidates: Iterable[Labels] = self._by_name.get(names[0], ()) if names else self._refs
        tests = [(one.name, one.predicate()) for one in matchers]
        return [one for one in candidates if all(fits(one.get_or_empty(name)) for name, fits in tests)]

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Points of the matching series."""
        with self._lock:
            found = self._matching([matchers], start, end)
            floats = [track.floats(start, end) for _, track in found]
            histograms = [track.held(start, end) for _, track in found]
        return Selection(LabelTable.of([labels for labels, _ in found]), (), _points(floats), _held(histograms))

    def label_names(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Sorted label names."""
        return sorted({name for labels in self.series(matchers, start, end) for name in labels})

    def label_values(self, name: str, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Sorted values of one label."""
        return sorted({labels[name] for labels in self.series(matchers, start, end) if name in labels})

    def series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[Labels]:
        """Sorted label sets."""
        with self._lock:
            return [labels for labels, _ in self._matching(matchers, start, end)]

    def stats(self, limit: int) -> StorageStats:
        """Counts of what is there."""
        with self._lock:
            labels, tracks = list(self._refs), [one for one in self._tracks if one.times]
            first = min((one.times[0] for one in tracks), default=0)
            last = max((one.times[-1] for one in tracks), default=0)
        pairs = Counter(pair for one in labels for pair in one.items())
        return StorageStats(
            series=len(labels),
            label_pairs=len(pairs),
            min_time=first,
            max_time=last,
            series_by_metric=Counter(one.get_or_empty("__name__") for one in labels).most_common(limit),
            values_by_label=Counter(name for name, _ in pairs).most_common(limit),
            series_by_pair=[(f"{name}={value}", count) for (name, value), count in pairs.most_common(limit)],
        )


def _points(parts: Sequence[tuple[Sequence[int], Sequence[int], Sequence[int]]]) -> Points:
    """Times, bits and starts of each series, as the points of a selection."""
    if not parts:
        return Points.none()
    series = np.repeat(np.arange(len(parts)), [len(times) for times, _, _ in parts])
    times, bits, starts = (
        np.array([one for part in column for one in part], np.int64) for column in zip(*parts, strict=True)
    )
    return Points(series, times, bits.view(np.float64), starts if starts.any() else None)


def _held(parts: Sequence[tuple[Sequence[int], Sequence[Histogram], Sequence[int]]]) -> HistogramPoints:
    rows = [
        (row, *sample)
        for row, (times, values, starts) in enumerate(parts)
        for sample in zip(times, values, starts, strict=True)
    ]
    if not rows:
        return HistogramPoints.none()
    series, times, values, starts = zip(*rows, strict=True)
    return HistogramPoints.of(series, times, values, starts if any(starts) else None)


_: Storage = MemoryStorage()
