"""Bring histograms from several runs together for a reader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from narthex.storage.frames import NO_START, HistogramPoints

__all__ = ["joined_histograms"]


def joined_histograms(parts: Sequence[HistogramPoints]) -> HistogramPoints:
    """All samples sorted by series, then time; of repeats the last stays."""
    if not parts:
        return HistogramPoints.none()
    if len(parts) == 1:
        return parts[0]
    series, times, values = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "times", "values")
    )
    order = np.lexsort((times, series))
    series, times = series[order], times[order]
    last = np.ones(len(series), dtype=np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    order = order[last]
    starts = None
    if any(part.starts is not None for part in parts):
        known = [np.full(len(part), NO_START) if part.starts is None else part.starts for part in parts]
        starts = np.concatenate(known)[order]
    return HistogramPoints(series[last], times[last], values[order], starts)
