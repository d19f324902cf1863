import hypothesis.strategies as st
import pytest
from hypothesis import given

from narthex.scrape.slots import Slots, server_seed


def test_offsets_are_stable_and_differ_between_servers():
    one, other = server_seed("a.example", "{}"), server_seed("b.example", "{}")
    assert Slots.of(15_000, 12345, one) == Slots.of(15_000, 12345, one)
    assert Slots.of(15_000, 12345, one) != Slots.of(15_000, 12345, other)
    assert server_seed("a.example", '{replica="2"}') != one


def test_many_targets_spread_over_the_interval():
    offsets = [Slots.of(1000, server_seed(f"target {n}", ""), 7).offset for n in range(1000)]
    assert all(80 < sum(start <= offset < start + 100 for offset in offsets) < 125 for start in range(0, 1000, 100))


@pytest.mark.parametrize(
    ("interval", "late", "snaps"),
    [(15_000, 0, True), (15_000, 2, True), (15_000, 2.5, False), (100, 1, True), (100, 1.5, False)],
)
def test_a_timestamp_snaps_to_its_slot_within_the_tolerance(interval, late, snaps):
    slots = Slots(interval, 7)
    slot = slots.after(1_700_000_000_000)
    assert (slots.stamp(slot, slot + late) == slot) is snaps


@given(st.integers(1, 100_000), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2_000_000_000_000))
def test_the_next_slot_is_the_first_one_later_than_now(interval, identity, seed, now):
    slots = Slots.of(interval, identity, seed)
    assert 0 <= slots.offset < interval
    assert now < slots.after(now) <= now + interval
    assert (slots.after(now) - slots.offset) % interval == 0


@pytest.mark.parametrize(("now", "following"), [(1000, 2000), (1999, 2000), (2000, 3000), (4500, 5000), (-9000, -8000)])
def test_missed_slots_are_left_out_and_a_clock_set_back_starts_anew(now, following):
    assert Slots(1000, 0).following(1000, now) == following
