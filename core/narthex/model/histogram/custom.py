"""Histograms with custom buckets whose bounds differ: both are shown with the bounds they have in common."""

from __future__ import annotations

import numpy as np

from narthex.model.histogram.value import Buckets, Histogram

__all__ = ["common_bounds", "with_bounds"]


def common_bounds(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    """The bounds that stand in both lists, ascending."""
    shared = set(other)
    return tuple(bound for bound in one if bound in shared)


def with_bounds(histogram: Histogram, bounds: tuple[float, ...]) -> Histogram:
    """The histogram with some of its bounds only: neighbours whose border is gone become one bucket."""
    if bounds == histogram.bounds:
        return histogram
    side = histogram.positive
    ends = np.array([*histogram.bounds, np.inf])
    target = np.searchsorted(np.array(bounds), ends[side.index], side="left").astype(np.int32)
    starts = np.flatnonzero(np.diff(target, prepend=-1))
    merged = Buckets(target[starts], np.add.reduceat(side.counts, starts)) if len(side) else side
    return Histogram(
        histogram.schema,
        0.0,
        0.0,
        histogram.count,
        histogram.sum,
        merged,
        bounds=bounds,
        hint=histogram.hint,
    )
