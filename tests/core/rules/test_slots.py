"""Slots of rule groups."""

from hypothesis import given
from hypothesis import strategies as st

from narthex.rules.slots import Next, first_slot, next_slot, offset

TIMES = st.integers(0, 2**42)
INTERVALS = st.integers(1, 10_000_000)


def test_offset_depends_on_file_group_and_interval_alone():
    assert offset("a.yml", "g", 60_000) == offset("a.yml", "g", 60_000)
    assert len({offset("a.yml", f"g{number}", 60_000) for number in range(100)}) > 90
    assert offset("ab", "c", 10**9) != offset("a", "bc", 10**9)


@given(TIMES, INTERVALS, st.integers(0, 10_000_000))
def test_first_slot_is_the_next_aligned_moment(now, interval, place):
    slot = first_slot(now, interval, place % interval)
    assert now < slot <= now + interval
    assert (slot - place) % interval == 0


def test_next_slot_follows_when_the_evaluation_was_quick():
    assert next_slot(1000, 1999, 1000, 0) == Next(2000, 0)


def test_slow_evaluation_skips_to_the_newest_slot_that_has_begun():
    assert next_slot(1000, 2000, 1000, 0) == Next(2000, 0)
    assert next_slot(1000, 3500, 1000, 0) == Next(3000, 1)
    assert next_slot(1000, 9999, 1000, 0) == Next(9000, 7)


@given(TIMES, st.integers(0, 2**42), INTERVALS)
def test_slots_stay_on_the_grid_and_account_for_every_one(previous, passed, interval):
    following = next_slot(previous, previous + passed, interval, previous % interval)
    assert following.slot - previous == (following.missed + 1) * interval
    assert following.slot <= max(previous + passed, previous + interval)


def test_clock_set_back_starts_from_the_new_time():
    assert next_slot(1_000_000, 5_500, 1000, 200) == Next(6_200, 0)
