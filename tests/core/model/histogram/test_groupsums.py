"""Sums of many groups at once are the sums of each group."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import customs, exponentials

from narthex.model.histogram import (
    Buckets,
    Hint,
    Histogram,
    family_of,
    group_hints,
    group_sums,
    joined_hints,
    same,
    total,
)

SOME = st.one_of(exponentials(schemas=(0, 1), hints=tuple(Hint)), customs())


@given(st.lists(st.lists(SOME, min_size=1, max_size=5), min_size=1, max_size=6))
def test_groups_of_one_grid_are_summed_and_the_others_left(groups: list[list[Histogram]]) -> None:
    members = [one for group in groups for one in group]
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    found = group_sums(members, numbers, len(groups) + 1)
    assert found[-1] is None
    for group, value in zip(groups, found, strict=False):
        if len({family_of(one) for one in group}) > 1:
            assert value is None
            continue
        expected = total(group).value
        assert value is not None
        assert same(value, expected)
        assert value.hint is expected.hint


def test_counts_that_may_cancel_are_left_to_exact_addition() -> None:
    group = [Histogram(positive=Buckets.run(1, [count])) for count in (1e16, 1.0, -1e16)]
    assert group_sums(group, np.zeros(3, dtype=np.int64), 1) == [None]
    assert total(group).value.positive.counts.tolist() == [1.0]


def test_sums_that_cancel_are_rounded_once() -> None:
    group = [Histogram(sum=value, count=1.0, positive=Buckets.run(1, [1.0])) for value in (1e16, 1.0, -1e16)]
    (found,) = group_sums(group, np.zeros(3, dtype=np.int64), 1)
    assert found is not None
    assert (found.sum, found.count) == (1.0, 3.0)


def test_a_sum_of_different_hints_is_a_gauge_if_a_member_is() -> None:
    hints = [(Hint.RESET, Hint.RESET), (Hint.RESET, Hint.NOT_RESET), (Hint.UNKNOWN, Hint.GAUGE)]
    members = [Histogram(hint=hint) for pair in hints for hint in pair]
    seen = group_hints(members, np.array([0, 0, 1, 1, 2, 2]), 3)
    assert joined_hints(seen) == [Hint.RESET, Hint.UNKNOWN, Hint.GAUGE]
