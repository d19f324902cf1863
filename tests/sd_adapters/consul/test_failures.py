"""Scenarios: what becomes of the targets when Consul fails, restarts and lies."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from random import Random

import pytest
from tests.sd_adapters.consul.passing import CATALOG, DB, HEALTH, WEB, passing, rpc_failures

from narthex.errors import DiscoveryError
from narthex.testing.clock import FakeClock
from narthex.testing.consul import FakeConsul, Fault, Instance
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.consul import ConsulConfig
from narthex_sd.consul.discovery import ConsulDiscoverer


async def test_a_service_that_cannot_be_asked_keeps_its_targets_while_others_change(consul, discover):
    consul.register("web", WEB)
    consul.register("db", DB)
    clock = FakeClock()
    running = discover(consul, clock)
    await running.until("127.0.0.1:5432", "127.0.0.1:80")
    consul.fail(Fault(HEALTH + "web", status=500, body="rpc error"))
    consul.deregister("web", "web-node1")
    consul.register("web", Instance(port=81))  # what is not told yet
    await passing(clock, 3, lambda: rpc_failures(running))
    consul.register("db", Instance(node="n2", port=5433))
    await passing(clock, 10, lambda: "127.0.0.1:5433" in running.addresses)
    assert running.addresses == ["127.0.0.1:5432", "127.0.0.1:5433", "127.0.0.1:80"]
    consul.heal()
    await passing(clock, 20, lambda: "127.0.0.1:81" in running.addresses)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(CATALOG, status=500),
        Fault(CATALOG, status=404),
        Fault(CATALOG, status=200, body="{"),
        Fault(CATALOG, status=200, body="{}"),  # no index
        Fault(CATALOG, status=200, body="[]", headers={"X-Consul-Index": "99"}),
        Fault(CATALOG, status=200, body="null", headers={"X-Consul-Index": "99"}),
        Fault(CATALOG, status=200, body="{}", headers={"X-Consul-Index": "-1"}),
        Fault(CATALOG, status=200, body="{}", headers={"X-Consul-Index": "many"}),
        Fault(CATALOG, status=200, body="[" * 200_000, headers={"X-Consul-Index": "99"}),
        Fault(CATALOG, disconnect=True),
        Fault(CATALOG, cut=True),
        Fault(HEALTH, status=500),
        Fault(HEALTH, status=404),
        Fault(HEALTH, status=200, body="<html>", headers={"X-Consul-Index": "99"}),
        Fault(HEALTH, status=200, body='[{"Node": null}]', headers={"X-Consul-Index": "99"}),
        Fault(HEALTH, status=200, body="\xff", headers={"X-Consul-Index": "99", "Content-Encoding": "gzip"}),
        Fault(HEALTH, disconnect=True),
        Fault(HEALTH, cut=True),
    ],
)
async def test_no_failure_takes_targets_away(consul, discover, fault):
    clock = FakeClock()
    consul.register("web", WEB)
    running = discover(consul, clock)
    await running.until("127.0.0.1:80")
    await passing(clock, 5, lambda: len(consul.asked("/v1/")) == 5)  # the second query of each is held
    consul.fail(fault)
    consul.register("web", Instance(node="n2", port=81))
    await passing(clock, 5, lambda: True)
    consul.register("web", Instance(node="n3", port=82))
    await passing(clock, 20, lambda: rpc_failures(running))
    assert "127.0.0.1:80" in running.addresses
    assert not running.task.done()
    consul.heal()
    await passing(clock, 20, lambda: running.addresses == ["127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:82"])


async def test_bad_instances_are_left_out_where_that_is_allowed(consul):
    good = '{"Node": {"Address": "127.0.0.1"}, "Service": {"Port": 80}}'
    consul.fail(Fault(HEALTH, status=200, body=f"[{good}, null]", headers={"X-Consul-Index": "7"}))
    context = replace(build_context("consul/0"), skip_bad_entries=True)
    seen = Recorder()
    task = asyncio.create_task(ConsulDiscoverer(ConsulConfig(consul.address, services=("web",)), context).run(seen))
    await seen.until(lambda seen: bool(seen.published))
    task.cancel()
    await asyncio.wait({task})
    assert [one["__address__"] for one in seen.groups["web"].targets] == ["127.0.0.1:80"]
    skipped = context.registry.get_sample_value(
        "narthex_sd_skipped_entries_total", {"mechanism": "consul", "config": "test"}
    )
    assert skipped == 1


async def test_after_a_failure_it_waits_fifteen_seconds_and_starts_over(consul, discover):
    clock = FakeClock()
    consul.register("web", WEB)
    running = discover(consul, clock, services=("web",))
    await running.until("127.0.0.1:80")
    await passing(clock, 5, lambda: len(consul.asked(HEALTH)) == 2)
    consul.fail(Fault(HEALTH, status=503, body="No cluster leader"))
    consul.register("web", Instance(port=81))
    await running.until("127.0.0.1:81")
    await clock.advance(0.01)  # the refresh interval
    await consul.until(lambda: rpc_failures(running) == 1)
    consul.register("web", Instance(port=82))
    asked = len(consul.asked(HEALTH))
    await clock.advance(14)
    await asyncio.sleep(0.02)
    assert len(consul.asked(HEALTH)) == asked
    consul.heal()
    await passing(clock, 2, lambda: running.addresses == ["127.0.0.1:82"])
    assert consul.asked(HEALTH)[asked].index == 0


async def test_failures_are_logged_when_they_begin_and_when_they_end(consul, discover, caplog):
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    consul.register("web", WEB)
    consul.register("db", DB)
    running = discover(consul, clock)
    await running.until("127.0.0.1:5432", "127.0.0.1:80")
    consul.fail(Fault(status=500, body="no leader"))
    consul.register("web", Instance(port=81))
    consul.register("db", Instance(port=82))
    await passing(clock, 60, lambda: rpc_failures(running) > 9)
    lines = [one for one in caplog.records if one.name == "narthex.discovery"]
    assert [one.message for one in lines] == ["Consul cannot be asked; the old targets stay"]
    assert "no leader" in lines[0].err
    consul.heal()
    await passing(clock, 20, lambda: running.addresses == ["127.0.0.1:81", "127.0.0.1:82"])
    lines = [one.message for one in caplog.records if one.name == "narthex.discovery"]
    assert lines[1:] == ["Consul answers again"]


async def test_an_index_that_goes_backwards_starts_over(consul, discover):
    for number in range(5):
        consul.register("web", Instance(port=number))
    running = discover(consul, services=("web",))
    await running.until("127.0.0.1:4")
    await consul.until(lambda: consul.requests[-1].index == 6)
    consul.rewind(2)
    await consul.until(lambda: [one.index for one in consul.asked(HEALTH)][-2:] == [0, 2])
    consul.register("web", Instance(port=9))
    await running.until("127.0.0.1:9")


async def test_an_index_that_is_not_positive_does_not_make_it_spin(consul, discover):
    consul.register("web", WEB)
    consul.fail(Fault(HEALTH, headers={"X-Consul-Index": "0"}), times=1)
    running = discover(consul, services=("web",))
    await running.until("127.0.0.1:80")
    await consul.until(lambda: len(consul.asked(HEALTH)) > 1)
    assert consul.asked(HEALTH)[1].index == 1


async def test_an_unchanged_index_publishes_nothing(consul, discover):
    consul.register("web", WEB)
    running = discover(consul, services=("web",))
    await running.until("127.0.0.1:80")
    await consul.until(lambda: len(consul.asked(HEALTH)) == 2)
    headers = {"X-Consul-Index": str(consul.index + 1)}
    consul.fail(Fault(HEALTH, status=200, body="[]", headers=headers), times=5)
    consul.register("web", WEB)  # wakes the query, with the index that the faults repeat
    await consul.until(lambda: len(consul.asked(HEALTH)) == 8)
    assert len(running.seen.published) == 2
    assert running.addresses == ["127.0.0.1:80"]


async def test_a_restarted_server_is_found_again(discover):
    first = FakeConsul()
    await first.start()
    port = int(first.address.rpartition(":")[2])
    for number in range(9):
        first.register("web", Instance(port=number))
    clock = FakeClock()
    running = discover(first, clock)
    await running.until("127.0.0.1:8")
    await first.stop()
    await passing(clock, 40, lambda: rpc_failures(running) >= 2)
    assert running.addresses == ["127.0.0.1:8"]
    second = FakeConsul()
    second.register("web", WEB)
    await second.start(port)
    try:
        await passing(clock, 40, lambda: running.addresses == ["127.0.0.1:80"])
    finally:
        await second.stop()


async def test_without_a_first_answer_the_run_fails_and_may_be_tried_again_within_fifteen_seconds(consul, discover):
    consul.register("web", WEB)
    for fault in (Fault("/v1/agent", status=500), Fault(CATALOG, status=500), Fault(HEALTH, status=500)):
        consul.fail(fault)
        running = discover(consul)
        with pytest.raises(DiscoveryError, match=r"Unexpected response code: 500 \(\)") as failed:
            await running.until("never")
        assert failed.value.retry_within == 15
        assert rpc_failures(running) == 1
        assert not running.seen.published
        consul.heal()


async def test_one_service_that_never_answers_delays_the_others_for_a_minute_at_most(consul, discover, caplog):
    clock = FakeClock()
    for name in ("db", "web"):
        consul.register(name, WEB)
    consul.fail(Fault(HEALTH + "db", status=500))
    running = discover(consul, clock)
    await consul.until(lambda: rpc_failures(running))
    await passing(clock, 59, lambda: clock.monotonic() >= 59)
    assert not running.seen.published
    await passing(clock, 5, lambda: running.seen.groups.keys() == {"web"})
    assert [one.services for one in caplog.records if hasattr(one, "services")] == ["db"]
    consul.heal()
    await passing(clock, 20, lambda: running.seen.groups.keys() == {"db", "web"})


async def test_knowing_nothing_at_all_is_never_published(consul, discover):
    clock = FakeClock()
    consul.register("web", WEB)
    consul.fail(Fault(CATALOG, delay=100_000))
    running = discover(consul, clock)
    await consul.until(lambda: bool(consul.asked(CATALOG)))
    for _ in range(30):
        await clock.advance(10)
        await asyncio.sleep(0.005)
    assert not running.seen.published


@pytest.mark.parametrize("seed", range(12))
async def test_after_any_history_discovery_knows_what_consul_knows(consul, discover, seed):
    """Random changes and failures; meanwhile no target goes that Consul still has."""
    random = Random(seed)
    clock = FakeClock()
    names = ["db", "queue", "web"]
    consul.rewind(1_000_000)
    consul.register("always", Instance(port=1))
    running = discover(consul, clock)
    await running.until("127.0.0.1:1")
    faults = [Fault(status=500), Fault(disconnect=True), Fault(cut=True), Fault(HEALTH, status=404), Fault(delay=0.05)]

    def step():
        known = sorted(consul.services() - {"always"})
        what = random.choice(["register", "register", "deregister", "fail", "heal", "rewind", "health"])
        if what == "register":
            consul.register(random.choice(names), Instance(f"n{random.randrange(3)}", port=random.randrange(2, 9)))
        elif what == "deregister" and known:
            consul.deregister(random.choice(known))
        elif what == "fail":
            consul.fail(random.choice(faults), times=random.randrange(1, 4))
        elif what == "heal":
            consul.heal()
        elif what == "rewind":
            consul.rewind(consul.index - 1000)
        elif what == "health":
            consul.set_health("always", "always-node1", x=random.choice(["passing", "critical"]))

    for _ in range(40):
        step()
        await clock.advance(random.choice([0, 1, 5]))
        await asyncio.sleep(0.002)
        assert "127.0.0.1:1" in running.addresses
    consul.heal()
    for name in consul.services():  # a query with an index of a former life is held until the next change
        consul.register(name, *consul.instances(name))
    expected = sorted(f"{one.address}:{one.port}" for name in consul.services() for one in consul.instances(name))
    await passing(clock, 200, lambda: running.addresses == expected)
    assert running.seen.groups.keys() == consul.services()
