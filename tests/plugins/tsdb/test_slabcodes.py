"""Columns of sealed slabs come back bit by bit, whatever they hold, and whichever way they are read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from narthex.model.sample import MISSING, NORMAL_NAN, STALE_NAN
from narthex_plugins.tsdb.slabcodes import ColumnCodes, Encoder, SlabCells

COLUMNS = st.sampled_from(
    [
        st.just(7.25),
        st.integers(-100, 100).map(float),
        st.integers(0, 70_000).map(float),
        st.integers(0, 1 << 40).map(float),
        st.integers(-(1 << 54), 1 << 54).map(float),
        st.integers(-300, 300).map(lambda one: one / 100),
        st.integers(0, 9_999_999).map(lambda one: one / 1000),
        st.floats(),
        st.sampled_from([0.0, -0.0]),
        st.sampled_from([float("inf"), float("-inf"), 1.0]),
    ]
).flatmap(
    lambda values: st.lists(
        st.one_of(values, values, values, st.sampled_from([MISSING, STALE_NAN, NORMAL_NAN])), min_size=12, max_size=12
    )
)


@given(st.lists(COLUMNS, min_size=1, max_size=9), arrays.arrays(np.bool_, (12, 9)), st.integers(1, 4))
def test_every_written_cell_comes_back(drawn: list[list[float]], written: np.ndarray, width: int) -> None:
    cells = np.array(drawn, dtype=np.float64).T.copy()
    written = written[:, : cells.shape[1]]
    encoder = Encoder()
    for at in range(0, cells.shape[1], width):
        encoder.add(cells[:, at : at + width].copy(), written[:, at : at + width])
    columns = {kind: ColumnCodes(np.array(list(encoder.rows(kind))), *encoder.scales(kind)) for kind in (0, 1, 2, 4)}
    columns[8] = ColumnCodes(cells[:, encoder.raw()])
    columns = {kind: one for kind, one in columns.items() if encoder.count(kind)}
    packed = SlabCells(encoder.kinds(), encoder.places(), columns, (0, 12))
    whole = np.where(written, packed.take(np.arange(cells.shape[1])).view(np.int64), 0)
    assert (whole == np.where(written, cells.view(np.int64), 0)).all()
    wide = packed._take_wide(np.arange(cells.shape[1])).view(np.int64)
    assert (np.where(written, wide, 0) == whole).all(), "the way for many columns"
    some = np.arange(cells.shape[1])[::-2]
    part = packed.rows(2, 40).rows(1, 8)
    assert part.shape == (7, cells.shape[1])
    there = written[3:10][:, some]
    assert (part.take(some).view(np.int64)[there] == cells[3:10].view(np.int64)[:, some][there]).all()
    rows = np.random.default_rng(1).integers(0, 12, (5, cells.shape[1]))
    every = np.arange(cells.shape[1])
    found = packed[rows, every].view(np.int64)
    assert (found[written[rows, every]] == cells.view(np.int64)[rows, every][written[rows, every]]).all()
    for column in every.tolist():
        own = part.column(column, 1, 5).view(np.int64)[there := written[4:8, column]]
        assert (own == cells[4:8, column].view(np.int64)[there]).all()


def test_counters_and_gauges_of_few_digits_take_a_byte_or_two() -> None:
    rng = np.random.default_rng(1)
    cells = np.stack(
        [np.full(40, 3.5), 1e9 + np.cumsum(rng.integers(0, 5, 40)), rng.integers(0, 9999, 40) / 100, rng.random(40)],
        axis=1,
    )
    encoder = Encoder()
    encoder.add(cells, np.ones(cells.shape, dtype=np.bool_))
    assert encoder.kinds().tolist() == [0, 1, 2, 8]
