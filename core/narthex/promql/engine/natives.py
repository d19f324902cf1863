"""Instant selectors that find native histograms: the newest of them beside the newest numbers.

A series may hold both, so for each cell the later of the two is its sample. Whatever is of a selection without
histograms never comes here.
"""

from __future__ import annotations

import numpy as np

from narthex.model.histogram import Hint, Histogram, was_reset_unhinted
from narthex.promql.engine.few import NO_SAMPLE
from narthex.promql.engine.latest import Latest
from narthex.promql.engine.vector import Ints, Objects
from narthex.storage.frames import HistogramPoints

__all__ = ["newest_with_histograms", "with_found_hints"]


def newest_with_histograms(
    found: Latest, points: HistogramPoints, moments: Ints, lookback: int
) -> tuple[Latest, Objects]:
    """The newest samples once more, with histograms where they are newer; ``found`` are the numbers'."""
    series, rows = _newest_rows(points, moments)
    newer_times = np.where(rows < 0, NO_SAMPLE, points.times[np.maximum(rows, 0)])
    newest = points.values[np.maximum(rows, 0)]  # a copy
    stale = np.array([one.stale for one in points.values], dtype=np.bool_)[np.maximum(rows, 0)]
    times = np.array(found.times)
    newer = newer_times > times[:, series]
    times[:, series] = np.where(newer, newer_times, times[:, series])
    usable = newer & ~stale & (newer_times > (moments - lookback)[:, None])
    histograms = np.full(times.shape, None)
    newest[~usable] = None
    histograms[:, series] = newest
    present = np.ones(times.shape, np.bool_) if found.present is None else np.array(found.present)
    present[:, series] = np.where(newer, usable, present[:, series])
    return Latest(found.values, None if present.all() else present, times), histograms


def _newest_rows(points: HistogramPoints, moments: Ints) -> tuple[Ints, Ints]:
    """The series with points, and for each moment the row of their newest one (-1: none): ``[K, series]``."""
    starts = np.flatnonzero(np.concatenate([[True], points.series[1:] != points.series[:-1]]))
    low = min(int(points.times.min()), int(moments[0])) - 1
    span = max(int(points.times.max()), int(moments[-1])) - low + 2
    rank = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(points.series))))
    keys = (points.times - low) + rank * span
    wanted = (moments - low)[:, None] + (np.arange(len(starts)) * span)[None, :]
    at = np.searchsorted(keys, wanted.ravel(), side="right").reshape(wanted.shape) - 1
    return points.series[starts], np.where(at >= starts, at, -1)


def with_found_hints(points: HistogramPoints) -> HistogramPoints:
    """The points with a hint where the storage left it open and the sample before is at hand.

    So Prometheus does where an expression asks for count, sum or average only and it does not decode the buckets; it is
    then that counter resets of different series are found to contradict each other.
    """
    values = np.array(points.values)
    before: Histogram | None = None
    for at, (one, series) in enumerate(zip(points.values.tolist(), points.series.tolist(), strict=True)):
        if at and series != points.series[at - 1]:
            before = None
        if one.stale:
            continue
        if before is not None and one.hint is Hint.UNKNOWN:
            values[at] = one.with_hint(Hint.RESET if was_reset_unhinted(before, one) else Hint.NOT_RESET)
        before = one
    return HistogramPoints(points.series, points.times, values, points.starts)
