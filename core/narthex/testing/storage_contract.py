"""Rows in, samples out: the few functions that tests of storages, and the storage contract, are written with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING_BITS
from narthex.storage.frames import NO_START, NO_TIME, HistogramPoints, Points
from narthex.storage.protocol import Batch, Lane, Storage

__all__ = ["Found", "bits", "equal", "family", "histograms", "points_of", "row", "samples", "starts"]

T0 = 1_700_000_000_000
STEP = 15_000

Found = dict[Labels, list[tuple[int, int]]]


def samples(storage: Storage, matchers: Sequence[Matcher] = (), start: int = 0, end: int = 1 << 53) -> Found:
    """What ``select`` answers, cut to the window: by labels ``(time, bits of the value)`` in order of time."""
    selection = storage.select(matchers, start, end)
    found: dict[int, dict[int, int]] = {row: {} for row in range(selection.labels.rows)}
    for frame in selection.frames:
        window = frame.window(0, len(frame.times)).copy().view(np.int64)
        for at, series in enumerate(frame.series.tolist()):
            times = frame.times[:, frame.group[at]]
            present = times[times != NO_TIME]
            assert (np.diff(present) > 0).all(), "times of a group ascend"
            for row in np.flatnonzero((times != NO_TIME) & (window[:, at] != MISSING_BITS)).tolist():
                found[series][int(times[row])] = int(window[row, at])
    points = selection.points
    _in_order(points)
    for series, time, value in zip(points.series, points.times, points.values.view(np.int64), strict=True):
        found[int(series)][int(time)] = int(value)
    labels = selection.labels.all_labels()
    cut = {row: sorted((t, value) for t, value in one.items() if start <= t <= end) for row, one in found.items()}
    return {labels[row]: one for row, one in cut.items() if one}


def histograms(
    storage: Storage, matchers: Sequence[Matcher] = (), start: int = 0, end: int = 1 << 53
) -> dict[Labels, list[tuple[int, Histogram]]]:
    """The histograms of what ``select`` answers, likewise."""
    selection = storage.select(matchers, start, end)
    points = selection.histograms
    _in_order(points)
    labels, found = selection.labels.all_labels(), dict[Labels, list[tuple[int, Histogram]]]()
    for series, time, value in zip(points.series.tolist(), points.times.tolist(), points.values, strict=True):
        if start <= time <= end:
            found.setdefault(labels[series], []).append((time, value))
    return found


def starts(storage: Storage, matchers: Sequence[Matcher] = ()) -> dict[Labels, list[tuple[int, int]]]:
    """The start timestamps that are known, ``(time of the sample, start)``, of floats and histograms."""
    selection = storage.select(matchers, 0, 1 << 53)
    labels, found = selection.labels.all_labels(), dict[Labels, list[tuple[int, int]]]()
    for points in (selection.points, selection.histograms):
        if points.starts is not None:
            for series, time, start in zip(
                points.series.tolist(), points.times.tolist(), points.starts.tolist(), strict=True
            ):
                if start != NO_START:
                    found.setdefault(labels[series], []).append((time, start))
    return {one: sorted(pairs) for one, pairs in found.items()}


def _in_order(points: Points | HistogramPoints) -> None:
    order = np.lexsort((points.times, points.series))
    assert (order == np.arange(len(order))).all(), "points are sorted by series and time"


def equal(name: str, value: str) -> Matcher:
    """``name="value"``."""
    return Matcher(MatchOp.EQUAL, name, value)


def bits(*values: float | np.float64) -> list[int]:
    """Values as ``samples`` shows them."""
    return [int(one) for one in np.array(values, dtype=np.float64).view(np.int64)]


def family(count: int, **more: str) -> list[Labels]:
    """Label sets that differ in ``i``."""
    return [Labels({"__name__": "m", "i": str(i), **more}) for i in range(count)]


def row(
    lane: Lane,
    time: int,
    *values: float | np.float64,
    points: Points | None = None,
    histograms: HistogramPoints | None = None,
) -> Batch:
    """A batch."""
    return Batch(lane, time, np.array(values, dtype=np.float64), points, histograms)


def points_of(*entries: tuple[int, int, float]) -> Points:
    """Points from ``(reference, time, value)``."""
    refs, times, values = zip(*entries, strict=True)
    return Points(np.array(refs, np.int64), np.array(times, np.int64), np.array(values, np.float64))
