"""Stored samples, metric by metric and some series at a time, for exports of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import is_stale
from narthex.storage.flat import pieces
from narthex.storage.frames import HistogramPoints, Points
from narthex.storage.protocol import StorageReader

__all__ = ["Piece", "Tell", "Wanted", "read"]

Tell = Callable[[str, int, int], None]
_METRIC = "__name__"
_CELLS = 1 << 19
"""Samples at a time: their text takes 100 MB while it is made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which samples: series that satisfy all matchers (none: all), in a window of ms, both ends included."""

    matchers: Sequence[Matcher] = ()
    start: int = -(1 << 60)
    end: int = 1 << 60


@dataclass(frozen=True, slots=True)
class Piece:
    """Some series of one metric with all their samples; ``series`` of the samples are places in ``labels``.

    Histograms come with the last piece of a metric. Markers that a series ended are left out.
    """

    labels: list[Labels]
    floats: Points
    histograms: HistogramPoints


def read(data: StorageReader, wanted: Wanted, tell: Tell) -> Iterator[Piece]:
    """Everything that is wanted, in order of metric, series and time."""
    metrics = data.label_values(_METRIC, [wanted.matchers] if wanted.matchers else [], wanted.start, wanted.end)
    for done, metric in enumerate([*metrics, ""]):  # last of all the series without a name
        tell("reading", done, len(metrics))
        matcher = Matcher(MatchOp.EQUAL, _METRIC, metric)
        selection = data.select([*wanted.matchers, matcher], wanted.start, wanted.end)
        for part in pieces(selection, wanted.start, wanted.end, _CELLS):
            points = _without_markers(part)
            rows, series = np.unique(points.series, return_inverse=True)
            labels = selection.labels.take(rows).all_labels()
            yield Piece(labels, Points(series.reshape(-1), points.times, points.values), HistogramPoints.none())
        beside = _inside(selection.histograms, wanted)
        if len(beside):
            rows, series = np.unique(beside.series, return_inverse=True)
            histograms = HistogramPoints(series.reshape(-1), beside.times, beside.values)
            yield Piece(selection.labels.take(rows).all_labels(), Points.none(), histograms)


def _without_markers(points: Points) -> Points:
    kept = ~is_stale(points.values)
    return Points(points.series[kept], points.times[kept], points.values[kept])


def _inside(points: HistogramPoints, wanted: Wanted) -> HistogramPoints:
    kept: NDArray[np.bool_] = (points.times >= wanted.start) & (points.times <= wanted.end)
    kept &= np.array([not one.stale for one in points.values], dtype=np.bool_)
    return HistogramPoints(points.series[kept], points.times[kept], points.values[kept])
