"""The ways that only many series take: the same numbers as the plain ones give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.promql.engine.test_differential import LOOKBACK, answers, worlds

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.engine import Engine, picking, ranking, sums
from narthex.promql.engine.aggregate import Grouped
from narthex.promql.engine.gather_rows import NEVER
from narthex.promql.engine.picking import picked
from narthex.promql.engine.ranking import extremes
from narthex.promql.engine.sums import running_sums
from narthex.promql.engine.vector import Vector
from narthex.promql.engine.windows import blocks
from narthex.storage.frames import NO_TIME, Frame, Points, Selection


@given(st.integers(0, 1 << 32), st.integers(1, 9), st.integers(1, 12), st.sampled_from([1, 3, 12]))
def test_whole_rows_and_single_cells_are_the_same(seed, steps, height, spread):
    """Groups are up to ``spread`` rows apart, and some rows do not exist."""
    random = np.random.default_rng(seed)
    values = random.random((height, 64))
    group = random.integers(0, 4, 64)
    rows = np.cumsum(random.integers(0, 3, (steps, 1)), axis=0) + random.integers(0, spread, (steps, 4)) - 1
    expected = values[np.clip(rows, 0, height - 1)[:, group], np.arange(64)]
    assert np.array_equal(picked(values, rows, group), expected)


def test_groups_that_do_not_tick_together_are_read_cell_by_cell():
    random = np.random.default_rng(1)
    values, group = random.random((500, 640)), np.arange(640) // 16
    rows = random.integers(0, 500, (31, 40))
    assert np.array_equal(picked(values, rows, group), values[rows[:, group], np.arange(640)])


@pytest.mark.parametrize("width", [1, 127, 128, 300])
def test_running_sums_are_those_of_adding_one_after_the_other(width):
    values = np.random.default_rng(width).normal(0, 1e6, (40, width))
    values[7, 0], values[9, width // 2] = math.inf, math.nan
    assert np.array_equal(running_sums(values)[1:], np.cumsum(values, axis=0), equal_nan=True)
    assert not running_sums(values)[0].any()
    assert running_sums(values > 0)[-1].tolist() == np.count_nonzero(values > 0, axis=0).tolist()


CELLS = st.sampled_from([0.0, -0.0, 1.0, 1.0, 2.0, -3.0, math.inf, -math.inf, math.nan])


@given(st.data(), st.sampled_from([1, 3]), st.sampled_from([1, 4]), st.booleans())
def test_the_best_of_many_are_those_of_a_whole_sort(data, groups, steps, largest):
    count = 80
    values = np.array(data.draw(st.lists(CELLS, min_size=steps * count, max_size=steps * count))).reshape(steps, count)
    present = None
    if steps > 1:  # of one step no sample is ever absent
        present = np.random.default_rng(data.draw(st.integers(0, 1 << 32))).random(values.shape) < 0.7
    labels = LabelTable.of([Labels({"i": str(i), "g": str(i % groups)}) for i in range(count)])
    wanted = np.array(data.draw(st.lists(st.integers(-1, 4), min_size=steps, max_size=steps)))
    grouped = Grouped(Vector(labels, values, present), ("g",), without=False)
    found = extremes(grouped, wanted, largest=largest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_CROWD", 1 << 40)
        expected = extremes(grouped, wanted, largest=largest)
    assert found.labels.all_labels() == expected.labels.all_labels()
    assert np.array_equal(found.mask(), expected.mask())
    assert np.array_equal(found.values[found.mask()], expected.values[expected.mask()], equal_nan=True)


QUERIES = (
    "rate(m[40s])",
    "changes(m[40s])",
    "avg_over_time(m[1m])",
    "sum_over_time(m[25s])",
    "topk(1, increase(m[1m]))",
    "bottomk by (job) (2, m)",
)


@given(worlds(), st.sampled_from(QUERIES), st.integers(-2, 25), st.integers(0, 12))
def test_a_few_series_on_the_ways_of_many_give_the_same(world, query, start, steps):
    """The bounds from which on these ways are taken, down to nothing."""
    bounds = 1_000_000 + start * 5_000, 1_000_000 + (start + steps) * 5_000, 5_000
    expected = answers(Engine(world, lookback=LOOKBACK).range(query, *bounds).value)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((sums, "_WIDE"), (picking, "_STEPS"), (picking, "_SHARED"), (ranking, "_CROWD")):
            patch.setattr(module, name, 0)
        found = answers(Engine(world, lookback=LOOKBACK).range(query, *bounds).value)
    assert found == expected or str(found) == str(expected)  # a NaN equals itself as text only


@given(st.integers(0, 1 << 32), st.integers(1, 3), st.sampled_from([0.0, 0.1, 0.6]))
def test_rows_without_a_time_are_left_out(seed, pieces, missing):
    """Groups with gaps at the end, gaps in between, and no row at all; in one piece and in several."""
    random = np.random.default_rng(seed)
    group = np.repeat(random.permutation(5), 3)
    frames, samples = [], [[] for _ in group]
    for piece in range(pieces):
        height = int(random.integers(1, 6))
        times = (10 * piece + np.arange(height))[:, None] * 10 + np.arange(5) + 1
        times[random.random(times.shape) < missing] = NO_TIME
        cells = random.random((height, len(group)))
        columns = random.permutation(len(group))
        frames.append(Frame(cells, columns, np.arange(len(group)), times, group))
        for series, own in enumerate(samples):
            own += [
                (int(when), float(value))
                for when, value in zip(times[:, group[series]], cells[:, columns[series]], strict=True)
                if when != NO_TIME
            ]
    labels = LabelTable.of([Labels({"i": str(i)}) for i in range(len(group))])
    found = [[] for _ in group]
    for block in blocks(Selection(labels, frames, Points.none()), 0, 1000):
        for column, series in enumerate(block.series.tolist()):
            own = block.times[:, block.group[column]]
            there = own != NEVER
            assert not (np.diff(there.astype(np.int8)) > 0).any()
            found[series] = list(zip(own[there].tolist(), block.values[there, column].tolist(), strict=True))
    assert found == samples
