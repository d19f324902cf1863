"""The array programs below the evaluator, each on its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.labels import Labels
from narthex.model.labeltable import Column, LabelTable
from narthex.model.sample import MISSING, STALE_NAN
from narthex.promql.engine.functions.shape import natural_key
from narthex.promql.engine.gather_rows import NEVER, after, occurrences
from narthex.promql.engine.grouping import has_duplicates, joint_groups, row_groups
from narthex.promql.engine.latest import latest
from narthex.promql.engine.result import label_order
from narthex.promql.engine.sums import exact_sum, grouped_sum
from narthex.promql.engine.vector import Vector, stack_tables
from narthex.promql.engine.windows import blocks
from narthex.storage.frames import Frame, Points, Selection

LABEL_SETS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "__name__"]), st.sampled_from(["", "x", "y", "z"])), max_size=12
)


def table(n: int) -> LabelTable:
    return LabelTable.of([{"i": str(i)} for i in range(n)])


# --- labels ---


@given(LABEL_SETS)
def test_row_groups_number_equal_label_sets(sets):
    found, first = row_groups(LabelTable.of(sets))
    seen: dict[Labels, int] = {}
    expected = [seen.setdefault(Labels(one), len(seen)) for one in sets]
    assert found.tolist() == expected
    assert [expected.index(group) for group in range(len(seen))] == first.tolist()
    assert has_duplicates(LabelTable.of(sets)) == (len(seen) < len(sets))


@given(LABEL_SETS, LABEL_SETS)
def test_joint_groups_compare_by_text_over_different_dictionaries(left, right):
    ids_left, ids_right, groups = joint_groups(LabelTable.of(left), LabelTable.of(right), ["a", "b"])
    keys = [(one.get("a", ""), one.get("b", "")) for one in [*left, *right]]
    ids = [*ids_left.tolist(), *ids_right.tolist()]
    assert groups == len(set(keys))
    assert len(set(zip(keys, ids, strict=True))) == len(set(keys)) == len(set(ids))


def test_large_dictionaries_do_not_overflow_the_combined_key():
    big = ["", *map(str, range(1 << 17))]
    codes = np.array([1, 2, 1, 1 << 17], dtype=np.int32)
    columns = {f"l{i}": Column(codes, big) for i in range(6)}
    assert row_groups(LabelTable(4, columns))[0].tolist() == [0, 1, 0, 2]


@given(LABEL_SETS, LABEL_SETS)
def test_stacked_tables_keep_every_label_set(left, right):
    stacked = stack_tables([LabelTable.of(left), LabelTable.of(right)])
    assert stacked.all_labels() == [Labels(one) for one in [*left, *right]]


@given(LABEL_SETS)
def test_label_order_is_that_of_labels(sets):
    ordered = LabelTable.of(sets).take(label_order(LabelTable.of(sets))).all_labels()
    assert ordered == sorted(Labels(one) for one in sets)


# --- rows ---


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4, unique=True), min_size=1, max_size=7),
    st.lists(st.integers(-5, 60), min_size=1, max_size=5),
)
def test_after_counts_rows_up_to_each_moment(columns, moments):
    times = np.sort(np.array(columns).T, axis=0)
    found = after(times, np.array(sorted(moments)))
    expected = [[int((times[:, g] <= t).sum()) for g in range(times.shape[1])] for t in sorted(moments)]
    assert found.tolist() == expected


def test_padding_lies_behind_every_moment():
    times = np.array([[1, 1, 2, 3, 4], [5, NEVER, 6, 7, NEVER]])
    assert after(times, np.array([4, 100])).tolist() == [[1, 1, 1, 1, 1], [2, 1, 2, 2, 1]]


def test_occurrences_split_repeats():
    parts = occurrences(np.array([3, 1, 3, 2, 3]))
    assert [part.tolist() for part in parts] == [[0, 1, 3], [2], [4]]


def frame(matrix, times, series=None, group=None) -> Frame:
    matrix = np.asarray(matrix, dtype=np.float64)
    n = matrix.shape[1]
    group = np.zeros(n, dtype=np.int64) if group is None else np.array(group)
    return Frame(matrix, np.arange(n), np.arange(n) if series is None else np.array(series), np.array(times), group)


def test_a_missing_cell_falls_back_to_an_earlier_row_and_a_marker_does_not():
    matrix = np.array([[1.0, 2.0], [0.0, 0.0]])
    matrix[1] = [MISSING, STALE_NAN]
    found = latest(Selection(table(2), [frame(matrix, [[1000], [2000]])], Points.none()), np.array([2500]), 5000)
    assert found.present is not None
    assert found.present.tolist() == [[True, False]]
    assert found.values[0, 0] == 1.0
    assert found.times[0, 0] == 1000


def test_the_later_frame_and_then_points_win_a_tie():
    frames = [frame([[1.0]], [[1000]]), frame([[2.0]], [[1000]])]
    chosen = latest(Selection(table(1), frames, Points.none()), np.array([1000]), 5000)
    assert chosen.values.tolist() == [[2.0]]
    points = Points(np.array([0]), np.array([1000]), np.array([3.0]))
    assert latest(Selection(table(1), frames, points), np.array([1000]), 5000).values.tolist() == [[3.0]]


def test_a_regular_frame_is_given_as_it_is():
    whole = frame([[1.0, 2.0], [3.0, 4.0]], [[1000], [2000]])
    (block,) = blocks(Selection(table(2), [whole], Points.none()), 0, 3000)
    assert np.shares_memory(block.values, whole.matrix)


def test_frames_that_follow_each_other_are_joined():
    frames = [frame([[1.0, 2.0]], [[1000, 1500]], group=[0, 1]), frame([[3.0, 4.0]], [[2500, 2000]], group=[1, 0])]
    (block,) = blocks(Selection(table(2), frames, Points.none()), 0, 3000)
    assert block.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert block.times[:, block.group].tolist() == [[1000, 1500], [2000, 2500]]


def test_a_reopened_lane_is_joined_by_whole_columns():
    slab = frame(
        [[1.0, 0.0, 5.0], [0.0, 2.0, 6.0]], [[1000, 0, 1500], [0, 2000, 2500]], series=[0, 0, 1], group=[0, 1, 2]
    )
    later = frame([[3.0, 7.0]], [[3000, 3500]], group=[0, 1])
    found = {
        int(block.series[at]): (block, at)
        for block in blocks(Selection(table(2), [slab, later], Points.none()), 0, 4000)
        for at in range(len(block.series))
    }
    block, at = found[0]
    assert block.times[:, block.group[at]].tolist() == [1000, 2000, 3000]
    assert block.values[:, at].tolist() == [1.0, 2.0, 3.0]
    block, at = found[1]
    assert block.values[:, at].tolist() == [5.0, 6.0, 7.0]


def test_points_outside_the_window_leave_a_series_regular():
    whole = frame([[1.0], [3.0]], [[1000], [2000]])
    points = Points(np.array([0]), np.array([9000]), np.array([3.0]))
    (block,) = blocks(Selection(table(1), [whole], points), 0, 3000)
    assert np.shares_memory(block.values, whole.matrix)


def test_overlapping_frames_are_sorted_sample_by_sample():
    frames = [frame([[1.0], [3.0]], [[1000], [3000]]), frame([[2.0], [4.0]], [[2000], [3000]])]
    (block,) = blocks(Selection(table(1), frames, Points.none()), 0, 5000)
    assert block.times[:, 0].tolist() == [1000, 2000, 3000]
    assert block.values[:, 0].tolist() == [1.0, 2.0, 4.0]


# --- numbers ---


def test_sums_that_cancel_are_made_again_exactly():
    assert exact_sum(np.array([1e100, 1.0, -1e100])) == 1.0
    assert np.isnan(exact_sum(np.array([np.inf, -np.inf])))
    assert exact_sum(np.array([1e308, 1e308])) == np.inf
    total = grouped_sum(np.array([[1e100, 5.0, 1.0, 6.0, -1e100]]), np.array([0, 1, 0, 1, 0]), 2)
    assert total.tolist() == [[1.0, 11.0]]


def test_natural_order_compares_runs_of_digits_as_numbers():
    assert sorted(["4m1000", "4m5", "4m600", "a", ""], key=natural_key) == ["", "4m5", "4m600", "4m1000", "a"]
    ordered = ["-1", "01", "1", "a1", "a" + "1" * 5000, "a" + "2" * 5000, "a-1", "aa", "a\u00b2", "a\u0661"]
    assert sorted(ordered, key=natural_key) == ordered
    backwards = ordered[::-1]
    assert sorted(backwards, key=natural_key)[3:] == ordered[3:]


def test_merging_puts_series_together_that_share_no_step():
    labels = LabelTable.of([{"a": "x"}, {"a": "x"}, {"a": "y"}])
    present = np.array([[True, False, True], [False, True, True]])
    merged = Vector(labels, np.arange(6.0).reshape(2, 3), present).merged()
    assert merged.values.tolist() == [[0.0, 2.0], [4.0, 5.0]]
    assert merged.present is None
