"""The fake server and the fake resolver behave as the real ones, or tests against them would prove nothing."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from narthex.testing.http import FakeHttp, Reply
from narthex.testing.resolver import FakeResolver


@pytest.fixture
async def server():
    async with FakeHttp() as made:
        yield made


@pytest.fixture
async def get(server):
    async with aiohttp.ClientSession() as session:

        async def ask(path="/", **how):
            async with session.request(how.pop("method", "GET"), server.url(path), **how) as answer:
                return answer.status, await answer.text()

        yield ask


async def test_it_answers_as_it_is_told_and_keeps_what_it_was_asked(server, get):
    server.json("/hosts", [1])
    server.text("/text", "plain", "text/plain")
    server.answer("/echo", lambda request: Reply(request.body[::-1], 201))
    assert await get("/hosts?page=2", headers={"X-Team": "blue"}) == (200, "[1]")
    assert await get("/text") == (200, "plain")
    assert await get("/echo", method="POST", data=b"abc") == (201, "cba")
    assert await get("/elsewhere") == (404, "not found")
    first, _, posted, _ = server.requests
    assert (first.method, first.path, first.query, first.headers["X-Team"]) == ("GET", "/hosts", {"page": "2"}, "blue")
    assert posted.body == b"abc"


async def test_it_fails_until_it_is_healed(server, get):
    server.json("/hosts", [1])
    server.fail(503, "no service")
    assert await get("/hosts") == (503, "no service")
    server.fail(0)
    with pytest.raises(aiohttp.ClientError):
        await get("/hosts")
    server.heal()
    assert await get("/hosts") == (200, "[1]")


async def test_a_request_that_hangs_is_answered_when_it_is_healed(server, get):
    server.json("/hosts", [1])
    server.hang()
    asking = asyncio.create_task(get("/hosts"))
    await server.asked(1)
    assert not asking.done()
    server.heal()
    assert await asking == (200, "[1]")


async def test_waiting_for_requests_that_do_not_come_ends(server):
    with pytest.raises(TimeoutError):
        await server.asked(1, seconds=0.01)


async def test_names_lead_where_the_table_says(server):
    server.json("/hosts", [1])
    resolver = FakeResolver(cmdb="127.0.0.1")
    resolver.add("cmdb.example", "127.0.0.1", "::1")
    port = server.address.partition(":")[2]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session:
        async with session.get(f"http://cmdb.example:{port}/hosts") as answer:
            assert await answer.json() == [1]
        resolver.failing.add("cmdb")
        for name in ("cmdb", "nowhere.example"):
            with pytest.raises(aiohttp.ClientConnectorDNSError):
                await session.get(f"http://{name}:{port}/hosts")
    assert resolver.asked == ["cmdb.example", "cmdb", "nowhere.example"]


async def test_addresses_are_given_by_family():
    resolver = FakeResolver(both=["127.0.0.1", "::1"], four="127.0.0.1")
    found = await resolver.resolve("both", 80, socket.AF_INET6)
    assert [(one["host"], one["port"], one["family"]) for one in found] == [("::1", 80, socket.AF_INET6)]
    with pytest.raises(socket.gaierror):
        await resolver.resolve("four", 80, socket.AF_INET6)
    resolver.add("four")
    with pytest.raises(socket.gaierror, match="not known"):
        resolver.lookup("FOUR.")


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="localhost"):
        FakeResolver(a="localhost")
