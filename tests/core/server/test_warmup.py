"""The queries a server asks of itself after its start."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tests.waiting import PATIENCE

from narthex.model.labels import Labels
from narthex.promql.engine import Engine
from narthex.server.warmup import warm_up
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage


class Counting(MemoryStorage):
    """Counts the selections."""

    selections = 0

    def select(self, matchers, start, end):
        self.selections += 1
        return super().select(matchers, start, end)


async def at_rest(task, clock):
    """Waits until no thread is at work any more: only then the number of selections stands still."""
    while not (clock.sleepers or task.done()):  # noqa: ASYNC110 -- threads tell nobody
        await asyncio.sleep(0.001)
    return True


async def run(storage, clock, *, until):
    with ThreadPoolExecutor(1) as executor:
        task = asyncio.create_task(warm_up(Engine(storage), executor, clock))
        async with asyncio.timeout(PATIENCE):
            while await at_rest(task, clock) and not until(task):
                await clock.advance(5)
        done = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return done


async def test_it_waits_for_samples_and_then_asks_in_several_ways():
    storage, clock = Counting(), FakeClock(1_700_000_000.0)
    assert not await run(storage, clock, until=lambda _: storage.selections == 3)
    lane = storage.open_lane(1000, 0)
    lane.extend(storage.register([Labels({"__name__": "up", "job": 'a "b"'})]))
    storage.append(Batch(lane, round(clock.now() * 1000), np.ones(1)))
    assert await run(storage, clock, until=asyncio.Task.done)
    assert storage.selections > 50


async def test_it_gives_up_where_nothing_is_ever_scraped():
    storage, clock = Counting(), FakeClock(1_700_000_000.0)
    assert await run(storage, clock, until=asyncio.Task.done)
    assert storage.selections == 24
