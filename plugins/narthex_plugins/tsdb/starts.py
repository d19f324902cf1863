"""Start timestamps of float samples: since when each counter has counted.

They change when a counter is reset, so for each series only the changes are kept, by the time of the first sample that
has the new one. Samples themselves stay as they are, in rows, points and blocks; for a reader, those of series with
start timestamps are taken out of the frames and given as points, with theirs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING_BITS
from narthex.storage.frames import NO_START, NO_TIME, Frame, Points
from narthex_plugins.tsdb.memory import grown

__all__ = ["STARTS", "StartTimes", "read_starts", "starts_payload", "taken_out"]

Ints = NDArray[np.int64]
Changes = list[tuple[int, int, int]]
"""Series reference, time of the first sample, start timestamp (both ms)."""

STARTS = b"\x11"
"""Type of the record."""

_COUNT = struct.Struct("<I")


class StartTimes:
    """By series the changes of its start timestamp. One thread adds, any number read."""

    def __init__(self) -> None:
        self._current: Ints = np.zeros(1024, dtype=np.int64)
        self._changes: dict[int, tuple[list[int], list[int]]] = {}
        self.count = 0

    def note(self, points: Points) -> Changes:
        """The changes that these points bring, which are kept from now on."""
        if not len(points.series) or (points.starts is None and not self._changes):
            return []
        starts = np.zeros(len(points.series), dtype=np.int64) if points.starts is None else points.starts
        self._current = grown(self._current, int(points.series.max()) + 1)
        changed = starts != self._current[points.series]
        # A series that comes twice may change and change back.
        rows = (np.flatnonzero(changed) if _distinct(points.series) else np.arange(len(changed))).tolist()
        found = [(int(points.series[row]), int(points.times[row]), int(starts[row])) for row in rows]
        return self.restore(found)

    def restore(self, changes: Sequence[tuple[int, int, int]]) -> Changes:
        """Take changes, in order of time; those that were new."""
        taken: Changes = []
        for ref, when, start in changes:
            self._current = grown(self._current, ref + 1)
            times, starts = self._changes.get(ref, ([], []))
            if (times and when <= times[-1]) or start == self._current[ref]:
                continue
            # A reader that has the longer list of the two takes the shorter one's length.
            starts.append(start)
            times.append(when)
            self._changes.setdefault(ref, (times, starts))
            self._current[ref] = start
            self.count += 1
            taken.append((ref, when, start))
        return taken

    def prune(self, before: int) -> Changes:
        """Forget changes that concern only samples older than ``before`` (ms); all that are left."""
        kept: dict[int, tuple[list[int], list[int]]] = {}
        for ref, (times, starts) in self._changes.items():
            first = max(0, int(np.searchsorted(np.array(times), before, side="right")) - 1)
            if first < len(times) - 1 or times[-1] >= before or starts[-1] != NO_START:
                kept[ref] = (times[first:], starts[first:])
        self._changes = kept
        left = [(ref, *one) for ref, both in kept.items() for one in zip(*both, strict=True)]
        self.count = len(left)
        return left

    def forget(self, refs: Ints) -> None:
        """The references may be given to other series."""
        for ref in refs.tolist():
            if self._changes.pop(ref, None) is not None:
                self._current[ref] = NO_START

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether something is known of them."""
        flags = np.zeros(count, dtype=np.bool_)
        known = np.array(list(self._changes), dtype=np.int64)
        flags[known[known < count]] = True
        return flags

    # --- out ---------------------------------------------------------------------------------------------------------

    def places(self, refs: Ints) -> Ints:
        """Places in ``refs`` (ascending) of series of which something is known."""
        known = np.array(list(self._changes), dtype=np.int64)
        return np.flatnonzero(np.isin(refs, known)) if len(known) else known

    def fill(self, points: Points, refs: Ints, places: Ints) -> Points:
        """The points (sorted by place in ``refs``) with the start timestamps of these places."""
        starts = np.full(len(points.times), NO_START, dtype=np.int64)
        for place in places.tolist():
            low, high = np.searchsorted(points.series, (place, place + 1)).tolist()
            times, values = self._changes.get(int(refs[place]), ([], []))
            since = np.array(times[: len(values)], dtype=np.int64)
            at = np.searchsorted(since, points.times[low:high], side="right")
            starts[low:high] = np.array([NO_START, *values[: len(since)]], dtype=np.int64)[at]
        return Points(points.series, points.times, points.values, starts)


def taken_out(frames: Sequence[Frame], places: Ints) -> tuple[list[Frame], list[Points]]:
    """The frames without these series, and their samples as points."""
    left: list[Frame] = []
    points: list[Points] = []
    for frame in frames:
        hit = np.isin(frame.series, places)
        if not hit.any():
            left.append(frame)
            continue
        cells = np.ascontiguousarray(np.take(frame.matrix, frame.columns[hit], axis=1))
        times = frame.times[:, frame.group[hit]]
        there = (times != NO_TIME) & (cells.view(np.int64) != MISSING_BITS)
        series = np.broadcast_to(frame.series[hit], cells.shape)
        points.append(Points(series[there], times[there], cells[there]))
        if not hit.all():
            left.append(Frame(frame.matrix, frame.columns[~hit], frame.series[~hit], frame.times, frame.group[~hit]))
    return left, points


def _distinct(series: Ints) -> bool:
    return len(series) == 1 or len(np.unique(series)) == len(series)


def starts_payload(changes: Changes) -> bytes:
    """Changes as a record."""
    refs, times, starts = (np.array(one, dtype=np.int64) for one in zip(*changes, strict=True))
    parts = (refs.astype("<i4"), times.astype("<i8"), starts.astype("<i8"))
    return b"".join([STARTS, _COUNT.pack(len(changes)), *(one.tobytes() for one in parts)])


def read_starts(payload: memoryview) -> Changes:
    """The inverse. Raises ``ValueError`` for what makes no sense."""
    if payload[:1] != STARTS or len(payload) < 1 + _COUNT.size:
        raise ValueError("no record of start timestamps")
    (count,) = _COUNT.unpack_from(payload, 1)
    at = 1 + _COUNT.size
    refs = np.frombuffer(payload, "<i4", count, at)
    times = np.frombuffer(payload, "<i8", count, at + 4 * count)
    starts = np.frombuffer(payload, "<i8", count, at + 12 * count)
    return list(zip(refs.tolist(), times.tolist(), starts.tolist(), strict=True))
