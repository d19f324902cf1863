"""The fake behaves as Consul's documentation says, or tests against it would prove nothing."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from narthex.testing.clock import FakeClock
from narthex.testing.consul import FakeConsul, Fault, Instance


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
def get(session):
    async def ask(consul, path, **params):
        async with session.get(f"http://{consul.address}{path}", params=params) as answer:
            text = await answer.text()
            index = int(answer.headers.get("X-Consul-Index", "-1"))
            return answer.status, index, json.loads(text) if answer.status == 200 else text

    return ask


WEB, CATALOG = "/v1/health/service/web", "/v1/catalog/services"


async def test_it_shows_an_instance_as_consul_does(get):
    async with FakeConsul() as consul:
        consul.register(
            "web", Instance("n1", "10.0.0.1", 80, tags=("a",), meta={"v": "1"}, tagged_addresses={"lan": "x"})
        )
        _, _, (entry,) = await get(consul, WEB)
        assert (entry["Node"]["Node"], entry["Node"]["Address"]) == ("n1", "10.0.0.1")
        assert entry["Service"] | {"Weights": None} == {
            "ID": "web-n1", "Service": "web", "Tags": ["a"], "Address": "", "Meta": {"v": "1"}, "Port": 80,
            "Weights": None, "EnableTagOverride": False,
        }  # fmt: skip
        assert [one["Status"] for one in entry["Checks"]] == ["passing"]
        assert (await get(consul, CATALOG))[2] == {"web": ["a"]}
        assert (await get(consul, "/v1/agent/self"))[2]["Config"]["Datacenter"] == "dc1"


async def test_a_query_with_the_newest_index_is_held_until_a_change(get):
    async with FakeConsul() as consul:
        consul.register("web", Instance())
        _, index, _ = await get(consul, WEB)
        held = asyncio.create_task(get(consul, WEB, index=index, wait="60s"))
        await consul.until(lambda: len(consul.requests) == 2)
        assert not held.done()
        consul.register("web", Instance(port=81))
        _, later, entries = await held
        assert later > index
        assert entries[0]["Service"]["Port"] == 81


async def test_other_services_do_not_wake_a_query_and_health_does_not_wake_the_catalog(get):
    async with FakeConsul() as consul:
        consul.register("web", Instance())
        consul.register("db", Instance())
        _, index, _ = await get(consul, WEB)
        _, catalog, _ = await get(consul, CATALOG)
        held = asyncio.create_task(get(consul, WEB, index=index))
        held_catalog = asyncio.create_task(get(consul, CATALOG, index=catalog))
        await consul.until(lambda: len(consul.requests) == 4)
        consul.set_health("db", "db-node1", x="critical")
        _, newer, _ = await get(consul, "/v1/health/service/db", index=index)
        assert newer == consul.index
        assert not held.done()
        assert not held_catalog.done()
        consul.deregister("web")
        assert (await held)[2] == []
        assert (await held_catalog)[2] == {"db": []}


async def test_a_held_query_is_answered_when_its_time_is_up(get):
    clock = FakeClock()
    async with FakeConsul(clock=clock) as consul:
        consul.register("web", Instance())
        held = asyncio.create_task(get(consul, WEB, index=consul.index, wait="2m"))
        await consul.until(lambda: clock.sleepers == 1)
        await clock.advance(119)
        assert not held.done()
        await clock.advance(1)
        assert (await held)[1] == consul.index


async def test_a_restored_server_answers_what_it_holds_with_its_smaller_index(get):
    async with FakeConsul() as consul:
        consul.register("web", Instance())
        consul.register("web", Instance(port=81))
        held = asyncio.create_task(get(consul, WEB, index=consul.index))
        await consul.until(lambda: len(consul.requests) == 1)
        consul.rewind(1)
        assert (await held)[1] == 1


async def test_held_queries_are_answered_when_they_are_woken_though_nothing_changed(get):
    async with FakeConsul() as consul:
        consul.register("web", Instance())
        held = asyncio.create_task(get(consul, WEB, index=consul.index))
        await consul.until(lambda: len(consul.requests) == 1)
        consul.wake()
        assert (await held)[1] == consul.index


async def test_an_index_of_a_former_life_holds_until_something_happens(get):
    async with FakeConsul() as consul:
        consul.register("web", Instance())
        held = asyncio.create_task(get(consul, WEB, index=99))
        await consul.until(lambda: len(consul.requests) == 1)
        assert not held.done()
        consul.register("web", Instance(port=81))
        assert (await held)[1] == consul.index


async def test_tenancy_tags_meta_and_filters_choose(get):
    async with FakeConsul() as consul:
        consul.register(
            "web",
            Instance("n1", port=1, tags=("a", "b"), node_meta={"k": "v"}),
            Instance("n2", port=2, tags=("a",)),
            Instance("n3", port=3, namespace="team"),
            Instance("n4", port=4, partition="p"),
            Instance("n5", port=5, datacenter="dc2"),
        )

        async def ports(**params):
            return [one["Service"]["Port"] for one in (await get(consul, WEB, **params))[2]]

        assert await ports() == [1, 2]
        assert await ports(tag="b") == [1]
        assert await ports(**{"node-meta": "k:v"}) == [1]
        assert await ports(ns="team") == [3]
        assert await ports(ns="*") == [1, 2, 3]
        assert await ports(partition="p") == [4]
        assert await ports(dc="dc2") == [5]
        assert await ports(filter='"b" not in Service.Tags') == [2]
        assert (await get(consul, CATALOG, filter='NodeMeta.k == "v"'))[2] == {"web": ["a", "b"]}
        assert (await get(consul, CATALOG, filter="nonsense"))[0] == 400
        assert (await get(consul, WEB, dc="dc3"))[0] == 500


async def test_faults_come_in_order_and_heal(get):
    async with FakeConsul() as consul:
        consul.register("web", Instance())
        consul.fail(Fault(WEB, status=503, body="busy"), times=1)
        consul.fail(Fault(WEB, disconnect=True), times=2)  # aiohttp tries once more on a new connection
        consul.fail(Fault(WEB, cut=True))
        assert (await get(consul, CATALOG))[0] == 200
        assert (await get(consul, WEB))[::2] == (503, "busy")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await get(consul, WEB)
        with pytest.raises(aiohttp.ClientPayloadError):
            await get(consul, WEB)
        consul.heal()
        assert (await get(consul, WEB))[0] == 200


async def test_what_it_does_not_have_is_not_found(get):
    async with FakeConsul() as consul:
        assert (await get(consul, "/v1/kv/x"))[0] == 404
        assert [one.path for one in consul.asked("/v1/kv")] == ["/v1/kv/x"]
