from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from narthex.config.types import Duration
from narthex.discovery.refresh import refresh
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex.testing.clock import FakeClock, settle
from narthex.testing.discovery import Recorder, build_context


def group(source, address="h:1"):
    return TargetGroup(source, ({"__address__": address},))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def registry():
    return CollectorRegistry()


async def start(fetch, clock, registry, interval="1m"):
    seen = Recorder()
    context = build_context("http/3", clock, registry, "node")
    task = asyncio.create_task(refresh(Duration.parse(interval), fetch, context).run(seen))
    await settle()
    return seen, task


async def stop(task):
    task.cancel()
    await asyncio.wait({task})


async def test_the_first_refresh_is_at_once_and_the_next_ones_by_the_interval(clock, registry):
    times = []

    async def fetch():
        times.append(clock.monotonic())
        return [group("s")]

    _, task = await start(fetch, clock, registry)
    await clock.advance(150)
    await stop(task)
    assert times == pytest.approx([0, 60, 120])


async def test_turns_that_a_slow_answer_missed_are_skipped(clock, registry):
    times = []

    async def fetch():
        times.append(clock.monotonic())
        await clock.sleep(70)
        return [group("s")]

    _, task = await start(fetch, clock, registry)
    await clock.advance(300)
    await stop(task)
    assert times == pytest.approx([0, 120, 240])


async def test_a_source_that_is_missing_from_an_answer_is_retracted(clock, registry):
    answers = iter([[group("s"), group("t")], [group("t")]])

    async def fetch():
        return next(answers)

    seen, task = await start(fetch, clock, registry)
    assert set(seen.groups) == {"s", "t"}
    await clock.advance(60)
    await stop(task)
    assert set(seen.groups) == {"t"}


async def test_a_failure_is_counted_and_handed_on_with_the_interval(clock, registry):
    async def fetch():
        raise OSError("down")

    seen, task = await start(fetch, clock, registry)
    error = task.exception()
    assert isinstance(error, DiscoveryError)
    assert (str(error), error.retry_within) == ("OSError: down", 60)
    assert not seen.published
    labels = {"mechanism": "http", "config": "node"}
    assert registry.get_sample_value("prometheus_sd_refresh_failures_total", labels) == 1
    assert registry.get_sample_value("prometheus_sd_refresh_duration_seconds_count", labels) == 1


async def test_a_failing_refresh_under_supervision_keeps_its_groups_and_comes_back_within_the_interval(kit, clock):
    answers = iter([[group("s")], None, None, None, [group("s", "h:2")]])

    async def run(publish, context):
        async def fetch():
            answer = next(answers)
            if answer is None:
                raise OSError("down")
            return answer

        await refresh(Duration.parse("2s"), fetch, context).run(publish)

    supervisor = kit.inline(clock)
    await supervisor.apply({"node": [kit.block("a", run)]})
    await clock.advance(3)
    assert kit.addresses(supervisor, "node") == ["h:1"]
    await clock.advance(6)
    assert kit.addresses(supervisor, "node") == ["h:2"]
    stopping = asyncio.create_task(supervisor.stop(1))
    await clock.advance(1)
    assert await stopping == []


async def test_cancelling_waits_until_the_fetch_has_cleaned_up():
    begun, cleaned = asyncio.Event(), []

    async def fetch():
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await settle()
            cleaned.append(True)

    task = asyncio.create_task(refresh(Duration(60_000), fetch, build_context()).run(Recorder()))
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert cleaned
