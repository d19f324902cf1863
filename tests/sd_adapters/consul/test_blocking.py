from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.testing.clock import FakeClock
from narthex_sd.consul.blocking import Spacing, next_index


@pytest.mark.parametrize(
    ("asked", "answered", "following"), [(0, 7, 7), (7, 7, 7), (7, 9, 9), (7, 6, 0), (0, 0, 1), (7, 0, 0), (1, 1, 1)]
)
def test_the_next_index(asked, answered, following):
    assert next_index(asked, answered) == following


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_query_that_follows_is_held_unless_the_index_went_backwards(asked, answered):
    following = next_index(asked, answered)
    assert following == 0 if answered < asked else following >= max(1, answered)


async def turns(held: list[float], interval: float) -> list[float]:
    """When queries are sent that are answered after these times."""
    clock = FakeClock(0.0)
    sent: list[float] = []

    async def ask():
        spacing = Spacing(interval, clock)
        for seconds in held:
            sent.append(clock.monotonic())
            await clock.sleep(seconds)
            await spacing.turn()

    task = asyncio.create_task(ask())
    while not task.done():
        await clock.advance(10)
    await task
    return sent


async def test_thirty_turns_a_second_apart_then_one_in_an_interval():
    sent = await turns([0.0] * 34, 30)
    assert sent == pytest.approx([*range(30), 30, 60, 90, 120])


async def test_a_query_that_was_held_is_followed_at_once():
    assert await turns([0.0, 100.0, 0.0, 0.0], 30) == pytest.approx([0, 1, 101, 102])


async def test_calm_restores_the_allowance():
    sent = await turns([0.0] * 32 + [1000.0] + [0.0] * 31, 30)
    calm = sent[32] + 1000
    assert sent[33:64] == pytest.approx([calm + second for second in range(30)] + [calm + 30])


async def test_a_short_interval_is_kept_as_it_is():
    assert await turns([0.0] * 4, 0.5) == pytest.approx([0, 0.5, 1, 1.5])


@given(st.lists(st.sampled_from([0.0, 0.3, 2.0, 45.0]), min_size=1, max_size=60))
def test_never_more_than_thirty_beyond_one_in_an_interval(held):
    sent = asyncio.run(turns(held, 30))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= 30 + (sent[last] - sent[first]) / 30 + 1e-6
