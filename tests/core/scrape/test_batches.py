import asyncio

import pytest

from narthex.scrape.batches import Batches


async def arrived(batches, order, name, size=1):
    await batches.join(size)
    order.append(name)


@pytest.mark.parametrize(("bodies", "size"), [(8, 1), (2, 300_000), (1, 600_000)])
async def test_a_full_batch_goes_on_at_once(bodies, size):
    batches, order = Batches(), []
    tasks = [asyncio.create_task(arrived(batches, order, number, size)) for number in range(bodies)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sorted(order) == list(range(bodies))
    assert all(task.done() for task in tasks)


async def test_a_few_bodies_wait_for_others_and_go_on_together():
    batches, order = Batches(), []
    tasks = [asyncio.create_task(arrived(batches, order, number)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == []
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2]
    await arrived(batches, order, "next")


async def test_one_that_is_cancelled_does_not_hold_up_the_others():
    batches, order = Batches(), []
    tasks = [asyncio.create_task(arrived(batches, order, number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2]


class Slow:
    """A batch that is complete after 300 ms."""

    def __init__(self, clock):
        self.clock = clock

    async def join(self, _size):
        await self.clock.sleep(0.3)


async def test_waiting_is_no_part_of_the_duration_of_a_scrape(bench, target, found):
    bench.batches = Slow(bench.clock)
    pool = bench.pool(scrape_interval=1000)
    pool.sync(found(target(interval=1000)))
    while not bench.client.requests:
        await bench.clock.advance(0.01)
    assert bench.values("up") == []
    await bench.clock.advance(0.3)
    assert [value for _, value in bench.values("up")] == [1]
    assert bench.values("scrape_duration_seconds")[0][1] == pytest.approx(0, abs=1e-6)


async def test_targets_with_short_intervals_do_not_wait(bench, target, found):
    bench.batches = Batches()
    pool = bench.pool(scrape_interval=500)
    pool.sync(found(target(interval=500)))
    await bench.clock.advance(0.5)
    assert len(bench.values("up")) == 1
