"""Reading rows of joined pieces: the same cells however they are stored."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.promql.engine.stacks import Stack
from narthex.storage.cells import PackedCells


class Packed(PackedCells):
    """An array that is read as compressed pages are."""

    def __init__(self, cells: np.ndarray, *, by_row: bool) -> None:
        self.cells = cells
        self.shape = cells.shape
        self.by_row = by_row

    def rows(self, low, high):
        return Packed(self.cells[low:high], by_row=self.by_row)

    def take(self, columns):
        return self.cells[:, columns]

    def gather(self, rows, columns):
        return self.cells[rows, columns]


KINDS = {
    "array": lambda cells: cells,
    "by row": lambda cells: Packed(cells, by_row=True),
    "by column": lambda cells: Packed(cells, by_row=False),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), series=st.sampled_from([3, 40, 90]), groups=st.integers(1, 5))
def test_each_group_gets_the_rows_it_asked_for(kind, data, series, groups):
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    heights = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    whole = random.random((sum(heights), 100))
    columns = [random.permutation(100)[:series] for _ in heights]
    bounds = np.cumsum([0, *heights])
    matrices = tuple(KINDS[kind](whole[low:high]) for low, high in pairwise(bounds))
    group = random.integers(0, groups, series)
    row = st.lists(st.integers(0, sum(heights) - 1), min_size=groups, max_size=groups)
    rows = np.array(data.draw(st.lists(row, min_size=1)))
    stack = Stack(np.arange(series), matrices, tuple(columns), np.ones((sum(heights), groups), dtype=np.int64), group)
    pieces = zip(pairwise(bounds), columns, strict=True)
    cells = np.concatenate([whole[low:high, own] for (low, high), own in pieces])
    assert np.array_equal(stack.at(rows), cells[rows[:, group], np.arange(series)])
