from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from narthex_plugins.tsdb.blocks.plan import (
    RANGE,
    Extent,
    compactable,
    expired,
    levels,
    next_merge,
    oversized,
    range_of,
)

DAY = 86_400_000
HOURS = 3_600_000


def extent(number: int, start: int, length: int = 1) -> Extent:
    return Extent(number, start * RANGE, (start + length) * RANGE, (start + length) * RANGE - 1, 10)


def test_levels_grow_threefold_up_to_a_tenth_of_the_retention() -> None:
    assert [one // HOURS for one in levels(15 * DAY)] == [2, 6, 18]
    assert [one // HOURS for one in levels(DAY)] == [2]
    assert [one // HOURS for one in levels(10_000 * DAY)] == [2, 6, 18, 54, 162, 486]


def test_the_head_keeps_two_hours_until_an_hour_after_their_end() -> None:
    start = range_of(1_700_000_000_000)
    assert start % RANGE == 0
    assert not compactable(start, start + 3 * HOURS - 1)
    assert compactable(start, start + 3 * HOURS)


def test_three_blocks_are_joined_when_another_follows() -> None:
    blocks = [extent(number, number) for number in range(3)]
    assert next_merge(blocks, 15 * DAY) == []
    assert next_merge([*blocks, extent(9, 3)], 15 * DAY) == [0, 1, 2]
    assert next_merge([*blocks[1:], extent(9, 3)], 15 * DAY) == [1, 2], "also where one is missing"
    assert next_merge([*blocks, extent(9, 3)], DAY) == [], "not beyond a tenth of the retention"
    assert next_merge([extent(0, 1), extent(1, 2), extent(2, 3), extent(3, 4)], 15 * DAY) == [0, 1], "aligned"
    assert next_merge([], DAY) == []


def test_blocks_that_overlap_are_joined_first() -> None:
    blocks = [extent(0, 0), extent(1, 1), extent(2, 1), extent(3, 5, 9), extent(4, 9), extent(5, 13)]
    assert next_merge(blocks, 15 * DAY) == [1, 2]
    assert next_merge([blocks[0], *blocks[2:]], 15 * DAY) == [3, 4, 5]


@given(st.lists(st.integers(0, 60), max_size=25), st.sampled_from([DAY, 15 * DAY, 400 * DAY]))
def test_joining_ends_and_leaves_no_overlap(starts: list[int], retention: int) -> None:
    blocks = {number: extent(number, start) for number, start in enumerate(starts)}
    number = len(blocks)
    while chosen := next_merge(list(blocks.values()), retention):
        assert len(chosen) > 1
        own = [blocks.pop(one) for one in chosen]
        low, high = min(one.start for one in own), max(one.end for one in own)
        blocks[number] = Extent(number, low, high, high - 1)
        number += 1
    left = sorted(blocks.values(), key=lambda one: one.start)
    assert all(one.end <= two.start for one, two in pairwise(left))
    assert all(any(one.start <= start * RANGE < one.end for one in left) for start in starts)
    assert all(one.end - one.start <= max(levels(retention)) for one in left)


def test_what_is_too_old_or_too_much_goes_oldest_first() -> None:
    blocks = [extent(number, number) for number in (2, 0, 1)]
    assert expired(blocks, 2 * RANGE) == [0, 1]
    assert expired(blocks, RANGE - 1) == []
    assert oversized(blocks, 5, 0) == []
    assert oversized(blocks, 5, 35) == []
    assert oversized(blocks, 5, 34) == [0]
    assert oversized(blocks, 5, 24) == [0, 1]
    assert oversized(blocks, 100, 50) == [0, 1, 2], "files that are no blocks count, but stay"
