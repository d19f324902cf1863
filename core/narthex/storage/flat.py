"""A selection as one flat run of samples, for readers that want samples rather than windows: exports, notebooks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import is_missing
from narthex.storage.frames import NO_TIME, Frame, Points, Selection

__all__ = ["flat", "pieces"]

Ints = NDArray[np.int64]

_CELLS = 1 << 20
"""Cells of a frame that are looked at in one step."""


def pieces(selection: Selection, start: int, end: int, most: int = 1 << 22) -> Iterator[Points]:
    """As :func:`flat`, some series at a time: about as many as have ``most`` cells in the frames."""
    heights = np.zeros(selection.labels.rows, dtype=np.int64)
    for frame in selection.frames:
        np.add.at(heights, frame.series, len(frame.times))
    heights += np.bincount(selection.points.series, minlength=len(heights))
    filled = np.cumsum(heights)
    low = 0
    while low < len(heights):
        before = int(filled[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(filled, before + most, side="right")))
        if high - low == len(heights):
            yield flat(selection, start, end)
        else:
            yield flat(_cut(selection, low, high), start, end)
        low = high


def flat(selection: Selection, start: int, end: int) -> Points:
    """All floats of ``start`` <= t <= ``end`` (ms), sorted by series, then time, without repeats.

    Markers of ended series are samples here. Of samples of one moment the one given last stays.
    """
    parts = [part for frame in selection.frames for part in _cells(frame, start, end)]
    points = selection.points
    inside = (points.times >= start) & (points.times <= end)
    parts.append((points.series[inside], points.times[inside], points.values[inside]))
    series, times, values = (np.concatenate([part[at] for part in parts]) for at in range(3))
    order = np.lexsort((times, series))
    series, times, values = series[order], times[order], values[order]
    last = np.ones(len(series), dtype=np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    return Points(series[last], times[last], values[last])


def _cut(selection: Selection, low: int, high: int) -> Selection:
    """The samples of some rows of the table; the rows keep their numbers."""
    frames = []
    for frame in selection.frames:
        own = np.flatnonzero((frame.series >= low) & (frame.series < high))
        if len(own):
            frames.append(Frame(frame.matrix, frame.columns[own], frame.series[own], frame.times, frame.group[own]))
    points = selection.points
    own = np.flatnonzero((points.series >= low) & (points.series < high))
    return Selection(selection.labels, frames, Points(points.series[own], points.times[own], points.values[own]))


def _cells(frame: Frame, start: int, end: int) -> Iterator[tuple[Ints, Ints, NDArray[np.float64]]]:
    width = max(1, _CELLS // max(1, len(frame.times)))
    for low in range(0, len(frame.columns), width):
        columns = frame.columns[low : low + width]
        times = frame.times[:, frame.group[low : low + width]]
        values = np.take(frame.matrix, columns, axis=1)
        there = (times != NO_TIME) & (times >= start) & (times <= end) & ~is_missing(values)
        series = np.broadcast_to(frame.series[low : low + width], times.shape)
        yield series[there], times[there], values[there]
