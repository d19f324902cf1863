"""Selectors of a handful of series, one series at a time.

The general way (:mod:`narthex.promql.engine.latest`) spends some thirty array operations a slab on finding as little
as possible to read. For one series there is nothing to save: its samples, joined from all slabs, are a run of a few
hundred numbers, and one ``searchsorted`` answers every step. Measured for one series over four slabs and 31 steps: a
third of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, starmap

import numpy as np

from narthex.model.sample import is_missing
from narthex.promql.engine.vector import Floats, Ints
from narthex.storage.frames import NO_TIME, Selection, sources_of

__all__ = ["FEW", "NO_SAMPLE", "newest_of_few"]

FEW = 4
"""Up to so many series this way is the cheaper one."""

NO_SAMPLE = np.iinfo(np.int64).min
"""The time where a series has no sample."""


def newest_of_few(selection: Selection, moments: Ints) -> tuple[Ints, Floats]:
    """Times (``NO_SAMPLE``: none) and values of each series' newest sample at or before each moment: ``[K, n]`` both.

    ``moments`` ascend. Of samples with one timestamp the one given last wins, and points win over frames.
    """
    runs = [_before(run, moments) for run in _runs(selection, int(moments[0]), int(moments[-1]))]
    if len(runs) == 1:
        ((times, values),) = runs
        return times[:, None], values[:, None]
    shape = len(runs), len(moments)
    times, values = np.empty(shape, dtype=np.int64), np.empty(shape)
    for row, run in enumerate(runs):
        times[row], values[row] = run
    return times.T, values.T


def _before(run: tuple[Ints, Floats], moments: Ints) -> tuple[Ints, Floats]:
    """Time and value of the last sample at or before each moment."""
    times, values = run
    if not len(times):
        return np.full(len(moments), NO_SAMPLE), np.zeros(len(moments))
    at = times.searchsorted(moments, side="right") - 1
    if at[0] >= 0:
        return times[at], values[at]
    known = np.maximum(at, 0)
    return np.where(at < 0, NO_SAMPLE, times[known]), values[known]


def _runs(selection: Selection, first: int, last: int) -> list[tuple[Ints, Floats]]:
    """The samples of each series in order of time, as far back as moments from ``first`` to ``last`` need them."""
    rows = selection.labels.rows
    pieces: list[list[tuple[Ints, Floats]]] = [[] for _ in range(rows)]
    known = [NO_SAMPLE] * rows  # the newest time at or before the first moment
    for source in reversed(sources_of(selection.frames)):
        if min(known, default=last) >= min(source.newest, last):
            continue  # nothing in it is newer
        for series, moments, cells in reversed(source.pieces()):
            times, values = _without_holes(moments, cells)
            pieces[series].append((times, values))
            before = int(times.searchsorted(first, side="right"))
            if before:
                known[series] = max(known[series], int(times[before - 1]))
    points = selection.points
    if len(points.series):
        bounds = points.series.searchsorted(np.arange(rows + 1)).tolist()
        for own, part in zip(pieces, starmap(slice, pairwise(bounds)), strict=True):
            own.insert(0, (points.times[part], points.values[part]))
    return [_joined(own[::-1]) for own in pieces]


def _without_holes(times: Ints, values: Floats) -> tuple[Ints, Floats]:
    if times.all() and not np.isnan(values.min(initial=0.0)):  # as nearly always; NO_TIME is 0
        return times, values
    there = (times != NO_TIME) & ~is_missing(values)
    return times[there], values[there]


def _joined(pieces: Sequence[tuple[Ints, Floats]]) -> tuple[Ints, Floats]:
    """Samples in the order they were given as one run in order of time."""
    if len(pieces) == 1:
        times, values = pieces[0]
    else:
        times = np.concatenate([_NONE, *(piece[0] for piece in pieces)])
        values = np.concatenate([_NOTHING, *(piece[1] for piece in pieces)])
    if len(times) > 1 and bool((times[1:] < times[:-1]).any()):
        order = np.argsort(times, kind="stable")  # stable: of equal times the piece given last stays last
        times, values = times[order], values[order]
    return times, values


_NONE: Ints = np.zeros(0, dtype=np.int64)
_NOTHING: Floats = np.zeros(0)
