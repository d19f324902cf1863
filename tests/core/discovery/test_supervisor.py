from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.waiting import PATIENCE

from narthex.discovery.state import Settings, State
from narthex.testing.clock import FakeClock, settle


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def supervisor(kit, clock):
    made = kit.inline(clock)
    yield made
    stopping = asyncio.create_task(made.stop(1.0))
    await settle()
    await clock.advance(2)
    await stopping


async def changed(supervisor):
    return await asyncio.wait_for(supervisor.changes(), PATIENCE)


async def test_groups_reach_the_job_with_the_name_of_their_provider(kit, supervisor):
    await supervisor.apply({"node": [kit.block("a", kit.publishes(kit.group("s", "h:1")))]})
    await settle()
    assert await changed(supervisor) == {"node"}
    (found,) = supervisor.groups("node")
    assert found.provider == "good/0"
    assert found.group == kit.group("s", "h:1")


async def test_a_job_without_discovery_is_legal(supervisor):
    await supervisor.apply({"empty": []})
    assert supervisor.groups("empty") == []
    assert await supervisor.ready(1)


async def test_an_unknown_job_has_no_groups(supervisor):
    assert supervisor.groups("nobody") == ()


async def test_a_group_replaces_its_source_and_an_empty_one_retracts_it(kit, clock, supervisor):
    async def run(publish, context):
        publish([kit.group("s", "h:1"), kit.group("t", "h:2")])
        await context.clock.sleep(10)
        publish([kit.group("s", "h:3")])
        await context.clock.sleep(10)
        publish([kit.group("t")])
        await kit.forever()

    await supervisor.apply({"node": [kit.block("a", run)]})
    await settle()
    assert kit.addresses(supervisor, "node") == ["h:1", "h:2"]
    await clock.advance(10)
    assert kit.addresses(supervisor, "node") == ["h:3", "h:2"]
    await clock.advance(10)
    assert kit.addresses(supervisor, "node") == ["h:3"]


async def test_equal_blocks_of_two_jobs_are_one_discoverer(kit, supervisor):
    run = kit.publishes(kit.group("s", "h:1"))
    await supervisor.apply({"one": [kit.block("a", run)], "two": [kit.block("a", run)]})
    await settle()
    assert kit.builds == ["a"]
    assert kit.addresses(supervisor, "one") == kit.addresses(supervisor, "two") == ["h:1"]
    (status,) = supervisor.status()
    assert status.jobs == ("one", "two")


async def test_a_new_subscriber_gets_the_known_groups_at_once(kit, supervisor):
    wanted = [kit.block("a", kit.publishes(kit.group("s", "h:1")))]
    await supervisor.apply({"one": wanted})
    await settle()
    await changed(supervisor)
    await supervisor.apply({"one": wanted, "two": wanted})
    assert kit.addresses(supervisor, "two") == ["h:1"]
    assert "two" in await changed(supervisor)


async def test_an_unchanged_block_keeps_running(kit, supervisor):
    for _ in range(2):
        await supervisor.apply({"node": [kit.block("a", kit.publishes(kit.group("s", "h:1")))]})
        await settle()
    assert kit.builds == ["a"]
    assert supervisor.status()[0].restarts == 0


async def test_a_block_that_leaves_the_configuration_takes_its_groups_along(kit, supervisor):
    a, b = (kit.block(name, kit.publishes(kit.group("s", f"{name}:1"))) for name in "ab")
    await supervisor.apply({"node": [a, b]})
    await settle()
    await supervisor.apply({"node": [b]})
    await settle()
    assert kit.addresses(supervisor, "node") == ["b:1"]


async def test_an_edited_block_keeps_its_groups_until_the_new_one_has_published(kit, clock, supervisor):
    async def late(publish, context):
        await context.clock.sleep(20)
        publish([kit.group("s", "new:1")])
        await kit.forever()

    await supervisor.apply({"node": [kit.block("old", kit.publishes(kit.group("s", "old:1")))]})
    await settle()
    await supervisor.apply({"node": [kit.block("new", late)]})
    await settle()
    assert kit.addresses(supervisor, "node") == ["old:1"]
    await changed(supervisor)
    await clock.advance(20)
    assert kit.addresses(supervisor, "node") == ["new:1"]
    assert await changed(supervisor) == {"node"}


async def test_the_groups_of_an_edited_block_do_not_stand_in_for_ever(kit, clock, supervisor):
    async def fails(publish, context):
        raise OSError("backend is down")

    await supervisor.apply({"node": [kit.block("old", kit.publishes(kit.group("s", "old:1")))]})
    await settle()
    await supervisor.apply({"node": [kit.block("new", fails)]})
    await clock.advance(Settings().handover_limit - 1)
    assert kit.addresses(supervisor, "node") == ["old:1"]
    await clock.advance(2)
    assert kit.addresses(supervisor, "node") == []


async def test_a_failed_discoverer_runs_again_after_a_doubling_delay(kit, clock, supervisor):
    starts = []

    async def fails(publish, context):
        starts.append(clock.monotonic())
        raise OSError("backend is down")

    await supervisor.apply({"node": [kit.block("a", fails)]})
    await clock.advance(31)
    assert starts == [0, 1, 3, 7, 15, 31]


async def test_the_delay_starts_anew_after_a_publish(kit, clock, supervisor):
    starts = []

    async def fails(publish, context):
        starts.append(clock.monotonic())
        if len(starts) == 3:
            publish([])
        raise OSError("backend is down")

    await supervisor.apply({"node": [kit.block("a", fails)]})
    await clock.advance(6)
    assert starts == [0, 1, 3, 4, 6]


async def test_groups_survive_a_failure_and_the_first_set_after_it_replaces_them(kit, clock, supervisor):
    rounds = []

    async def flaky(publish, context):
        rounds.append(1)
        if len(rounds) == 1:
            publish([kit.group("s", "h:1"), kit.group("t", "h:2")])
            raise OSError("connection lost")
        await context.clock.sleep(5)
        publish([kit.group("t", "h:2")])
        await kit.forever()

    await supervisor.apply({"node": [kit.block("a", flaky)]})
    await clock.advance(3)
    assert kit.addresses(supervisor, "node") == ["h:1", "h:2"]
    (status,) = supervisor.status()
    assert (status.state, status.last_error) == (State.RETRYING, "OSError: connection lost")
    await clock.advance(10)
    assert kit.addresses(supervisor, "node") == ["h:2"]
    assert supervisor.status()[0].state is State.OK


async def test_returning_means_finished_and_keeps_the_groups(kit, clock, supervisor):
    async def once(publish, context):
        publish([kit.group("s", "h:1")])

    await supervisor.apply({"node": [kit.block("a", once)]})
    await clock.advance(100)
    assert kit.addresses(supervisor, "node") == ["h:1"]
    (status,) = supervisor.status()
    assert (status.state, status.restarts) == (State.FINISHED, 0)


async def test_a_block_that_cannot_be_built_is_counted_and_the_rest_goes_on(kit, supervisor):
    blocks = [kit.block("a", None, "unbuildable"), kit.block("b", kit.publishes(kit.group("s", "h:1")))]
    await supervisor.apply({"node": blocks})
    await settle()
    assert kit.addresses(supervisor, "node") == ["h:1"]
    assert kit.value("prometheus_sd_failed_configs", name="scrape") == 1
    status = supervisor.status()[0]
    assert status.state is State.FAILED
    assert "unbuildable_plugin (unbuildable-dist 1.2) failed: SystemExit: no" in status.last_error


async def test_a_block_that_could_not_be_built_is_tried_again_at_the_next_reload(kit, supervisor):
    blocks = {"node": [kit.block("a", None, "unbuildable")]}
    await supervisor.apply(blocks)
    await supervisor.apply(blocks)
    assert [status.provider for status in supervisor.status()] == ["unbuildable/1"]


async def test_an_unknown_kind_is_a_failed_block(kit, supervisor):
    await supervisor.apply({"node": [kit.block("a", None, "nosuch")]})
    assert supervisor.status()[0].last_error == "no discovery kind is named 'nosuch'"


async def test_ready_waits_for_the_first_answer_or_failure_of_each(kit, clock, supervisor):
    async def late(publish, context):
        await context.clock.sleep(3)
        publish([])
        await kit.forever()

    async def fails(publish, context):
        raise OSError("down")

    await supervisor.apply({"node": [kit.block("a", late), kit.block("b", fails)]})
    waiting = asyncio.create_task(supervisor.ready(10))
    await clock.advance(2)
    assert not waiting.done()
    await clock.advance(1)
    assert await waiting is True


async def test_ready_does_not_wait_longer_than_asked(kit, clock, supervisor):
    async def silent(publish, context):
        await kit.forever()

    await supervisor.apply({"node": [kit.block("a", silent)]})
    waiting = asyncio.create_task(supervisor.ready(10))
    await clock.advance(10)
    assert await waiting is False


async def test_a_silent_discoverer_is_named(kit, clock, supervisor, caplog):
    async def silent(publish, context):
        await kit.forever()

    await supervisor.apply({"node": [kit.block("a", silent, "bad")]})
    await clock.advance(Settings().silence_limit)
    (record,) = [one for one in caplog.records if one.message == "Discovery is silent"]
    assert (record.plugin, record.distribution, record.provider) == ("bad_plugin", "bad-dist 1.2", "bad/0")
    assert supervisor.status()[0].failures == {"silent": 1}


async def test_unchanged_groups_are_no_change(kit, clock, supervisor):
    async def repeats(publish, context):
        while True:
            publish([kit.group("s", "h:1")])
            await context.clock.sleep(10)

    await supervisor.apply({"node": [kit.block("a", repeats)]})
    await settle()
    await changed(supervisor)
    waiting = asyncio.create_task(supervisor.changes())
    await clock.advance(100)
    assert not waiting.done()
    waiting.cancel()
    assert kit.value("prometheus_sd_received_updates_total", name="scrape") > 5


async def test_a_flood_is_coalesced_and_the_last_state_wins(kit, clock, supervisor):
    async def flood(publish, context):
        for number in range(1000):
            publish([kit.group("s", f"h:{number}")])
            await context.clock.sleep(0.01)
        await kit.forever()

    seen = []

    async def consume():
        while True:
            seen.extend((job, *kit.addresses(supervisor, job)) for job in await supervisor.changes())

    consumer = asyncio.create_task(consume())
    await supervisor.apply({"node": [kit.block("a", flood)]})
    for _ in range(40):
        await clock.advance(0.5)
    consumer.cancel()
    assert seen[-1] == ("node", "h:999")
    assert len(seen) < 20
    assert kit.value("prometheus_sd_updates_delayed_total", name="scrape") > 0


async def test_metrics_go_with_their_job(kit, supervisor):
    await supervisor.apply({"node": [kit.block("a", kit.publishes(kit.group("s", "h:1", "h:2")))]})
    await settle()
    await changed(supervisor)
    assert kit.value("prometheus_sd_discovered_targets", name="scrape", config="node") == 2
    await supervisor.apply({})
    assert kit.value("prometheus_sd_discovered_targets", name="scrape", config="node") is None
    whose = {"provider": "good/0", "kind": "good", "plugin": "good_plugin", "distribution": "good-dist"}
    assert kit.value("narthex_discovery_up", name="scrape", **whose) is None


async def test_stop_names_those_that_swallow_their_cancellation(kit, clock, caplog):
    async def stubborn(publish, context):
        publish([])
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await context.clock.sleep(30)
                break

    supervisor = kit.inline(clock)
    await supervisor.apply({"node": [kit.block("a", stubborn), kit.block("b", kit.publishes())]})
    await settle()
    stopping = asyncio.create_task(supervisor.stop(5))
    await clock.advance(5)
    assert await stopping == ["good/0"]
    assert "Discovery did not stop in time" in caplog.messages
    await clock.advance(60)
