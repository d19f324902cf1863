"""Selectors of a handful of series find what a search through all samples finds, whatever holds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.labeltable import LabelTable
from narthex.model.sample import MISSING, STALE_NAN, is_missing
from narthex.promql.engine.few import NO_SAMPLE, newest_of_few
from narthex.storage.frames import NO_TIME, Frame, LateFrames, Points, Selection

ROWS = 2
TABLE = LabelTable.of([{"n": str(row)} for row in range(ROWS)])


@st.composite
def frames(draw):
    """One frame of both series: rows of one group each, with slots left out and cells that hold nothing."""
    height = draw(st.integers(1, 6))
    times = np.full((height, ROWS), NO_TIME, dtype=np.int64)
    for group in range(ROWS):
        chosen = sorted(draw(st.sets(st.integers(1, 40), max_size=height)))
        places = sorted(draw(st.permutations(range(height)))[: len(chosen)])
        times[places, group] = chosen
    cells = st.sampled_from([1.0, 2.5, float("inf"), float("nan"), MISSING, STALE_NAN])
    matrix = np.array([draw(st.lists(cells, min_size=ROWS, max_size=ROWS)) for _ in range(height)])
    columns = np.array(draw(st.permutations(range(ROWS))))
    return Frame(matrix, columns, np.arange(ROWS), times, np.arange(ROWS))


@st.composite
def all_points(draw):
    """Points of both series, in order."""
    own = [sorted(draw(st.sets(st.integers(1, 40), max_size=3))) for _ in range(ROWS)]
    series = np.repeat(np.arange(ROWS), [len(times) for times in own])
    times = np.array([time for times in own for time in times], dtype=np.int64)
    return Points(series, times, times * 100.0)


class Late:
    """A frame as a source of late frames."""

    def __init__(self, frame):
        self.newest = int(frame.times.max())
        self._frame = frame

    def frames(self):
        return [self._frame]

    def pieces(self):
        return self._frame.pieces()


def searched(selection, moment, row):
    """Time and value's bits of the newest sample at or before a moment: the last of all that are as new."""
    best = (NO_SAMPLE, 0)
    for frame in selection.frames:
        at = frame.series.tolist().index(row)
        times, values = frame.times[:, frame.group[at]], np.ascontiguousarray(frame.matrix[:, frame.columns[at]])
        known = (times != NO_TIME) & (times <= moment) & ~is_missing(values)
        for time, bits in zip(times[known].tolist(), values.view(np.int64)[known].tolist(), strict=True):
            best = (time, bits) if time >= best[0] else best
    points = selection.points
    known = (points.series == row) & (points.times <= moment)
    for time, value in zip(points.times[known].tolist(), points.values[known], strict=True):
        best = (time, int(value.view(np.int64))) if time >= best[0] else best
    return best


some_moments = st.lists(st.integers(0, 45), min_size=1, max_size=4)


@given(st.lists(frames(), max_size=4), all_points(), some_moments, st.booleans())
def test_the_newest_samples_are_those_that_a_search_finds(found, points, moments, late):
    found.sort(key=lambda one: int(np.where(one.times == NO_TIME, 99, one.times).min()))
    selection = Selection(TABLE, LateFrames([Late(one) for one in found]) if late else found, points)
    ascending = np.array(sorted(moments))
    times, values = newest_of_few(selection, ascending)
    for step, moment in enumerate(ascending.tolist()):
        for row in range(ROWS):
            time, bits = searched(selection, moment, row)
            assert times[step, row] == time
            if time != NO_SAMPLE:
                assert np.ascontiguousarray(values).view(np.int64)[step, row] == bits
