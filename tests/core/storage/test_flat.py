from __future__ import annotations

import numpy as np
import pytest

from narthex.model.labeltable import LabelTable
from narthex.model.sample import MISSING, STALE_NAN, is_stale
from narthex.storage import flat as module
from narthex.storage.flat import flat, pieces
from narthex.storage.frames import Frame, Points, Selection

NO_POINTS = Points.none()


def frame(times, cells, series, group=None):
    times = np.array(times, dtype=np.int64)
    matrix = np.array(cells, dtype=np.float64)
    columns = np.arange(matrix.shape[1])
    group = np.zeros(len(columns), dtype=np.int64) if group is None else np.array(group)
    return Frame(matrix, columns, np.array(series), times, group)


def points(*rows):
    series, times, values = zip(*rows, strict=True)
    return Points(np.array(series), np.array(times), np.array(values, dtype=np.float64))


def rows(found):
    return list(zip(found.series.tolist(), found.times.tolist(), found.values.tolist(), strict=True))


@pytest.mark.parametrize("cells", [1, 1 << 20])
def test_samples_come_sorted_by_series_and_time_and_cells_without_one_are_left_out(monkeypatch, cells):
    monkeypatch.setattr(module, "_CELLS", cells)
    one = frame([[10, 11], [20, 0]], [[1.0, 2.0], [3.0, 99.0]], [1, 0], [0, 1])
    two = frame([[30]], [[MISSING, 4.0]], [0, 1])
    found = flat(Selection(LabelTable(2, {}), [one, two], NO_POINTS), 0, 100)
    assert rows(found) == [(0, 11, 2.0), (1, 10, 1.0), (1, 20, 3.0), (1, 30, 4.0)]


def test_the_window_is_cut_at_both_ends_which_belong_to_it():
    selection = Selection(LabelTable(1, {}), [frame([[1], [2], [3], [4]], [[1], [2], [3], [4]], [0])], NO_POINTS)
    assert [time for _, time, _ in rows(flat(selection, 2, 3))] == [2, 3]


def test_of_samples_of_one_moment_the_one_given_last_stays():
    frames = [frame([[1], [2]], [[1.0], [2.0]], [0]), frame([[2], [3]], [[20.0], [30.0]], [0])]
    selection = Selection(LabelTable(1, {}), frames, points((0, 3, 300.0), (0, 4, 400.0)))
    assert rows(flat(selection, 0, 9)) == [(0, 1, 1.0), (0, 2, 20.0), (0, 3, 300.0), (0, 4, 400.0)]


def test_markers_of_ended_series_are_kept_with_their_bits():
    matrix = np.array([[1.0], [0.0]])
    matrix[1, 0] = STALE_NAN
    none = np.zeros(1, dtype=np.int64)
    one = Frame(matrix, none, none, np.array([[1], [2]]), none)
    assert is_stale(flat(Selection(LabelTable(1, {}), [one], NO_POINTS), 0, 9).values).tolist() == [False, True]


@pytest.mark.parametrize("most", [1, 3, 4, 100])
def test_pieces_have_all_samples_in_order_and_never_cut_a_series(most):
    frames = [frame([[1], [2]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [2, 0, 3])]
    selection = Selection(LabelTable(4, {}), frames, points((0, 9, 9.0), (1, 9, 8.0)))
    found = [rows(one) for one in pieces(selection, 0, 10, most)]
    assert [row for one in found for row in one] == rows(flat(selection, 0, 10))
    assert len(found) == {1: 4, 3: 3, 4: 2, 100: 1}[most]
    assert not list(pieces(Selection(LabelTable(0, {}), [], NO_POINTS), 0, 9))
