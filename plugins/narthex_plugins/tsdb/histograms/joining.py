"""Histograms of one series from several places as one run, for readers and for compaction.

The hint of a sample tells what the storage found when it compared the sample with the newest one then. Samples that
come late step in between, deletions take away. So a hint is believed only behind a sample of the same file that came
earlier; what is open counts as one, because it is in order of arrival. Elsewhere nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import Hint, Histogram
from narthex.storage.frames import NO_START, HistogramPoints
from narthex_plugins.tsdb.histograms.columns import Columns, gathered

__all__ = ["forgotten", "joined_columns", "joined_histograms", "points_without", "unhinted", "without"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def joined_histograms(files: Sequence[HistogramPoints], still_open: Sequence[HistogramPoints]) -> HistogramPoints:
    """All samples sorted by series, then time; of repeats the last stays. Both lists are in order of arrival."""
    parts = [*files, *still_open]
    if not parts:
        return HistogramPoints.none()
    series, times, values = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "times", "values")
    )
    order, doubtful = _order(series, times, [len(part) for part in files], sum(map(len, still_open)))
    values = values[order]
    for at in doubtful.tolist():
        values[at] = unhinted(values[at])
    starts = None
    if any(part.starts is not None for part in parts):
        known = [np.full(len(part), NO_START) if part.starts is None else part.starts for part in parts]
        starts = np.concatenate(known)[order]
    return HistogramPoints(series[order], times[order], values, starts)


def joined_columns(files: Sequence[Columns], still_open: Sequence[Columns] = ()) -> Columns:
    """The same of columns."""
    every = gathered([*files, *still_open])
    order, doubtful = _order(every.refs, every.times, [len(part) for part in files], sum(map(len, still_open)))
    found = every.take(order)
    found.hints[doubtful] = _unhinted_numbers(found.hints[doubtful])
    return found


def points_without(points: HistogramPoints, gone: Bools) -> HistogramPoints:
    """Points, sorted by series and time, without some; those behind them lose their hints."""
    left = np.flatnonzero(~gone)
    values = points.values[left]
    for at in _behind(left, gone).tolist():
        values[at] = unhinted(values[at])
    starts = None if points.starts is None else points.starts[left]
    return HistogramPoints(points.series[left], points.times[left], values, starts)


def without(columns: Columns, gone: Bools) -> Columns:
    """The same of columns."""
    left = np.flatnonzero(~gone)
    found = columns.take(left)
    behind = _behind(left, gone)
    found.hints[behind] = _unhinted_numbers(found.hints[behind])
    return found


def forgotten(columns: Columns, series: Ints) -> Columns:
    """Columns where nothing is known of resets in some series."""
    hints = np.where(np.isin(columns.refs, series), _unhinted_numbers(columns.hints), columns.hints)
    return replace(columns, hints=hints)


def _behind(left: Ints, gone: Bools) -> Ints:
    """Places in ``left`` right behind one that is gone."""
    return np.flatnonzero(gone[np.maximum(left - 1, 0)] & (left > 0))


def _order(series: NDArray[np.integer], times: Ints, files: Sequence[int], rest: int) -> tuple[Ints, Ints]:
    """The places of the samples that stay, in order; and where in that order hints are not to be believed."""
    order = np.lexsort((times, series))
    series, times = series[order], times[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    order, series = order[last], series[last]
    part = np.repeat(np.arange(len(files) + 1), [*files, rest])[order]
    doubtful = (order[1:] < order[:-1]) | (part[1:] != part[:-1])
    return order, np.flatnonzero(doubtful & (series[1:] == series[:-1])) + 1


def unhinted(value: Histogram) -> Histogram:
    """The histogram without what was known of resets before it."""
    return value if value.hint is Hint.GAUGE else value.with_hint(Hint.UNKNOWN)


def _unhinted_numbers(hints: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(hints == Hint.GAUGE, hints, Hint.UNKNOWN).astype(np.uint8)
