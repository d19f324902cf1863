"""A selection as one flat run of samples, for readers that want samples rather than windows: exports, notebooks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import is_missing
from narthex.storage.frames import NO_TIME, Frame, Points, Selection

__all__ = ["flat"]

Ints = NDArray[np.int64]

_CELLS = 1 << 20
"""Cells of a frame that are looked at in one step."""


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


def _cells(frame: Frame, start: int, end: int) -> Iterator[tuple[Ints, Ints, NDArray[np.float64]]]:
    width = max(1, _CELLS // max(1, len(frame.times)))
    for low in range(0, len(frame.columns), width):
        columns = frame.columns[low : low + width]
        times = frame.times[:, frame.group[low : low + width]]
        values = np.take(frame.matrix, columns, axis=1)
        there = (times != NO_TIME) & (times >= start) & (times <= end) & ~is_missing(values)
        series = np.broadcast_to(frame.series[low : low + width], times.shape)
        yield series[there], times[there], values[there]
