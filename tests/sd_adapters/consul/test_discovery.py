"""Scenarios: what becomes of the targets when services and their health change, and what Consul is asked."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace

import pytest
from tests.sd_adapters.consul.passing import CATALOG, DB, HEALTH, WEB, passing, rpc_failures
from tests.waiting import PATIENCE, until

from narthex.config.types import Duration
from narthex.errors import DiscoveryError
from narthex.testing.clock import FakeClock, settle
from narthex.testing.consul import Fault, Instance


async def test_listed_services_need_no_catalog(consul, discover):
    consul.register("web", WEB)
    consul.register("db", DB)
    running = discover(consul, services=("web",))
    await running.until("127.0.0.1:80")
    consul.register("web", Instance(node="node2", port=81))
    await running.until("127.0.0.1:80", "127.0.0.1:81")
    assert not consul.asked(CATALOG)
    assert {one.path for one in consul.asked(HEALTH)} == {HEALTH + "web"}


async def test_a_listed_service_that_is_not_there_yet_is_followed(consul, discover):
    running = discover(consul, services=("web",))
    await running.until()
    consul.register("web", WEB)
    await running.until("127.0.0.1:80")


async def test_services_come_and_go_with_the_catalog(consul, discover):
    running = discover(consul)
    await running.until()
    assert running.seen.published == [()]
    consul.register("web", WEB)
    await running.until("127.0.0.1:80")
    consul.register("db", DB)
    await running.until("127.0.0.1:5432", "127.0.0.1:80")
    consul.deregister("web")
    await running.until("127.0.0.1:5432")
    consul.deregister("db")
    await running.until()
    assert not running.seen.groups


async def test_a_catalog_that_empties_is_one_update(consul, discover):
    for name in ("db", "queue", "web"):
        consul.register(name, WEB)
    running = discover(consul)
    await running.seen.until(lambda seen: len(seen.groups) == 3)
    await consul.until(lambda: len(consul.asked("/v1/")) == 9)  # all queries are held
    empty = Fault(
        CATALOG, status=200, body="{}", headers={"X-Consul-Index": "99"}
    )  # as for a token that lost its rights
    consul.fail(empty)
    consul.register("other", WEB)  # answered truly, and then asked again
    await running.seen.until(lambda seen: not seen.groups)
    assert [len(one) for one in running.seen.published if all(group.is_retraction for group in one)] == [4]


async def test_the_query_of_a_service_that_left_ends(consul, discover):
    consul.register("web", WEB)
    running = discover(consul)
    await running.until("127.0.0.1:80")
    consul.deregister("web")
    await running.until()
    await consul.until(lambda: not [one for one in asyncio.all_tasks() if one.get_name() == "consul/0 web"])
    assert running.value("rpc_failures_total") == 0


async def test_the_first_publish_holds_every_service(consul, discover):
    for number in range(20):
        consul.register(f"service{number}", Instance(port=number))
    consul.fail(Fault(HEALTH + "service7", delay=0.2), times=1)
    running = discover(consul)
    await running.until(*(f"127.0.0.1:{number}" for number in range(20)))
    assert len(running.seen.published[0]) == 20


async def test_a_change_of_health_is_told_at_once(consul, discover):
    consul.register("web", WEB)
    running = discover(consul, services=("web",), refresh_interval=Duration(3_600_000))
    await running.until("127.0.0.1:80")
    await consul.until(lambda: len(consul.asked(HEALTH)) == 2)
    consul.set_health("web", "web-node1", serfHealth="passing", http="critical")
    await running.seen.until(lambda seen: seen.groups["web"].targets[0]["__meta_consul_health"] == "critical")


async def test_tags_are_asked_of_catalog_and_health(consul, discover):
    consul.register("web", Instance(port=1, tags=("a", "b")), Instance(node="node2", port=2, tags=("a",)))
    consul.register("db", Instance(port=3, tags=("b",)))
    running = discover(consul, tags=("a", "b"))
    await running.until("127.0.0.1:1")
    assert {one.path for one in consul.asked(HEALTH)} == {HEALTH + "web"}
    assert consul.asked(HEALTH)[0].values("tag") == ["a", "b"]


async def test_a_service_that_loses_the_tag_is_retracted_and_found_again(consul, discover):
    consul.register("web", Instance(tags=("metrics",)))
    running = discover(consul, tags=("metrics",))
    await running.until("127.0.0.1:80")
    consul.register("web", Instance(tags=()))
    await running.until()
    consul.register("web", Instance(tags=("metrics",)))
    await running.until("127.0.0.1:80")


async def test_filters_go_to_their_own_endpoints(consul, discover):
    eu, us = {"region": "eu"}, {"region": "us"}
    consul.register("web", Instance(port=1, node_meta=eu), Instance(node="n2", port=2, node_meta=eu, tags=("canary",)))
    consul.register("db", Instance(node="n3", port=3, node_meta=us))
    running = discover(consul, filter='NodeMeta.region == "eu"', health_filter='"canary" not in Service.Tags')
    await running.until("127.0.0.1:1")
    assert consul.asked(CATALOG)[0].values("filter") == ['NodeMeta.region == "eu"']
    assert consul.asked(HEALTH)[0].values("filter") == ['"canary" not in Service.Tags']


async def test_a_health_filter_is_followed_as_instances_begin_and_cease_to_pass(consul, discover):
    consul.register("web", Instance(port=1, meta={"tier": "gold"}), Instance(node="n2", port=2, meta={"tier": "tin"}))
    running = discover(consul, services=("web",), health_filter='Service.Meta.tier == "gold"')
    await running.until("127.0.0.1:1")
    assert not consul.asked(CATALOG), "listed services are asked for directly, filtered where they live"
    consul.register("web", Instance(node="n2", port=2, meta={"tier": "gold"}))
    await running.until("127.0.0.1:1", "127.0.0.1:2")
    consul.register("web", Instance(port=1, meta={"tier": "tin"}))
    await running.until("127.0.0.1:2")


async def test_a_catalog_filter_is_followed_as_services_begin_and_cease_to_pass(consul, discover):
    consul.register("web", Instance(port=1, meta={"team": "shop"}))
    consul.register("db", Instance(port=2, meta={"team": "ops"}))
    consul.register("cache", Instance(port=3, meta={"team": "shop"}))
    running = discover(consul, services=("web", "db"), filter='ServiceMeta.team == "shop"')
    await running.until("127.0.0.1:1")
    consul.register("db", Instance(port=2, meta={"team": "shop"}))
    await running.until("127.0.0.1:1", "127.0.0.1:2")
    consul.register("web", Instance(port=1, meta={"team": "ops"}))
    await running.until("127.0.0.1:2")


async def test_a_filter_that_consul_refuses_keeps_the_targets_and_says_so(consul, discover):
    consul.register("web", WEB)
    running = discover(consul, filter="NodeMeta.region ==")
    with pytest.raises(DiscoveryError, match="Failed to create boolean expression evaluator"):
        await running.task


async def test_node_meta_narrows_both(consul, discover):
    consul.register("web", Instance(port=1, node_meta={"rack": "1"}), Instance(node="n2", port=2))
    running = discover(consul, node_meta={"rack": "1"})
    await running.until("127.0.0.1:1")
    assert consul.asked(CATALOG)[0].values("node-meta") == ["rack:1"]


async def test_namespace_partition_and_datacenter(consul, discover):
    there = Instance(port=1, namespace="team", partition="p1", datacenter="dc2")
    consul.register("web", replace(there, node="n0", port=0, namespace=""), there)
    running = discover(consul, namespace="team", partition="p1", datacenter="dc2")
    await running.until("127.0.0.1:1")
    group = running.seen.groups["web"]
    assert group.labels["__meta_consul_dc"] == "dc2"
    assert group.targets[0]["__meta_consul_namespace"] == "team"
    assert group.targets[0]["__meta_consul_partition"] == "p1"
    assert not consul.asked("/v1/agent/self")
    for asked in consul.requests:
        assert (asked.values("ns"), asked.values("partition"), asked.values("dc")) == (["team"], ["p1"], ["dc2"])


async def test_a_flood_of_changes_is_asked_for_once_an_interval(consul, discover):
    clock = FakeClock()
    consul.register("web", WEB)
    running = discover(consul, clock, services=("web",), refresh_interval=Duration(30_000))
    await running.until("127.0.0.1:80")

    async def change():
        consul.register("web", Instance(port=int(clock.now()) % 9999))
        await clock.advance(1)
        await asyncio.sleep(0.003)
        assert len(consul.asked(HEALTH)) <= 30 + clock.monotonic() / 30 + 1
        return len(consul.asked(HEALTH)) > 30

    for _ in range(300):
        await change()
    await until(change)  # slow sockets take longer to use up the allowance


async def test_metrics_have_prometheus_names(consul, discover):
    consul.register("web", WEB)
    running = discover(consul)
    await running.until("127.0.0.1:80")
    assert running.value("rpc_failures_total") == 0
    assert running.value("rpc_duration_seconds_count", endpoint="catalog", call="services") >= 1
    assert running.value("rpc_duration_seconds_count", endpoint="catalog", call="service") >= 1


async def test_a_hundred_and_fifty_services_are_asked_at_once(consul, discover):
    for number in range(150):
        consul.register(f"service{number:03}", Instance(port=number))
    running = discover(consul)
    await running.until(*(f"127.0.0.1:{number}" for number in range(150)))
    await consul.until(lambda: len(consul.asked(HEALTH)) == 300)  # all are held at the same time
    consul.register("service149", Instance(port=1000))
    await running.seen.until(lambda seen: seen.groups["service149"].targets[0]["__address__"] == "127.0.0.1:1000")


async def test_no_secret_is_published_or_logged(consul, discover, caplog):
    from narthex.config.types import Secret

    caplog.set_level(logging.DEBUG)
    clock = FakeClock()
    consul.token = "s3cr3t-token"
    consul.register("web", WEB)
    running = discover(consul, clock, token=Secret("s3cr3t-token"))
    await running.until("127.0.0.1:80")
    consul.token = "another"
    consul.register("web", Instance(port=81))
    await passing(clock, 5, lambda: rpc_failures(running))
    assert any("403" in one.err for one in caplog.records if hasattr(one, "err"))
    everything = [caplog.text, json.dumps([dict(one.targets[0]) for one in running.seen.groups.values()])]
    everything += [str(vars(one)) for one in caplog.records if one.name == "narthex.discovery"]
    assert not any("s3cr3t" in text for text in everything)


async def test_cancelling_while_queries_are_held_is_immediate(consul, discover):
    consul.register("web", WEB)
    running = discover(consul)
    await running.until("127.0.0.1:80")
    running.task.cancel()
    done, _ = await asyncio.wait({running.task}, timeout=PATIENCE)
    assert done
    assert running.task.cancelled()
    await settle()
