from __future__ import annotations

import asyncio
import json

import pytest
from narthex_netbox import NetboxConfig
from narthex_netbox.conformance import FakeNetbox, device
from narthex_netbox.pages import Pages

from narthex.config.http import Authorization, HttpConfig
from narthex.config.types import Count, FilePath, Url
from narthex.errors import DiscoveryError
from narthex.http.client import HttpClient
from narthex.testing.clock import FakeClock
from narthex.testing.discovery import build_context
from narthex.testing.http import Reply


@pytest.fixture
async def server():
    async with FakeNetbox() as server:
        server.devices = [device(number) for number in range(7)]
        yield server


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def reader(server, clock, tmp_path):
    """A function that gives the pages of a block, and one that reads them; the token stands in a file."""
    (tmp_path / "token").write_text("hush\n")
    http = HttpConfig(authorization=Authorization("Token", credentials_file=FilePath(tmp_path / "token")))
    client = HttpClient(http, clock)

    def make(**settings):
        config = NetboxConfig(Url(server.url("/")), **{"page_size": Count(3), "http": http, **settings})
        pages = Pages(config, build_context("netbox/0", clock))
        return lambda: pages.read(client)

    yield make
    await client.close()


def ids(objects):
    return [one["id"] for one in objects]


async def test_pages_are_read_until_all_is_there(reader, server):
    assert ids(await reader()()) == list(range(7))
    assert server.offsets() == [0, 3, 6]


async def test_a_server_that_makes_pages_smaller_is_followed(reader, server):
    server.largest_page = 2
    assert ids(await reader()()) == list(range(7))
    assert server.offsets() == [0, 2, 4, 6]


async def test_an_empty_list_is_one_page(reader, server):
    server.devices = []
    assert await reader()() == []
    assert server.offsets() == [0]


async def test_filters_are_sent(reader, server):
    server.devices.append(device(8, site="ber"))
    assert ids(await reader(filters={"site": "ber"})()) == [8]


async def test_the_token_file_is_read_for_every_request(reader, server, tmp_path):
    read = reader()
    await read()
    server.accepts = "Token new"
    with pytest.raises(DiscoveryError, match=r"the token is refused \(status 403\)") as raised:
        await read()
    assert "hush" not in str(raised.value)
    (tmp_path / "token").write_text("new")
    assert ids(await read()) == list(range(7))


async def test_pages_that_did_not_change_are_not_sent_again(reader, server):
    read = reader()
    first = await read()
    server.devices[4]["name"] = "renamed"
    second = await read()
    asked = [request.headers.get("If-None-Match", "") for request in server.requests]
    assert asked[:3] == ["", "", ""]
    assert all(asked[3:])
    assert second[:3] == first[:3]
    assert second[4]["name"] == "renamed"


@pytest.mark.parametrize(("status", "after", "waits"), [(429, "7", 7), (503, "900", 30), (429, "Fri, 31 Dec 1999", 1)])
async def test_a_server_that_wants_to_be_asked_less_is_asked_later(reader, server, clock, status, after, waits):
    server.pending = [Reply(b"", status, headers={"Retry-After": after})]
    reading = asyncio.ensure_future(reader()())
    await server.asked(1)
    while not clock.sleepers:  # noqa: ASYNC110 -- the answer is on its way
        await asyncio.sleep(0.001)
    assert len(server.requests) == 1
    await clock.advance(waits - 0.5)
    assert clock.sleepers == 1
    await clock.advance(0.5)
    assert ids(await reading) == list(range(7))


async def test_a_server_that_wants_it_again_and_again_is_given_up(reader, server):
    server.pending = [Reply(b"", 429, headers={"Retry-After": "0"})] * 6
    with pytest.raises(DiscoveryError, match="status 429"):
        await reader()()
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Reply(b"", 500), "status 500"),
        (Reply(b"", 429), "status 429"),
        (Reply(b"<html>"), "a page cannot be used: JSONDecodeError"),
        (Reply(b"[]"), "a page cannot be used: TypeError"),
        (Reply(b'{"count": 7, "results": [{}]}'), "a page cannot be used: KeyError"),
        (Reply(b'{"count": 7, "results": [{"id": "a"}]}'), "an object without a number as its id"),
        (Reply(b'{"count": 7, "results": []}'), "the page at 0 is empty, though there are 7 objects"),
    ],
)
async def test_a_page_that_cannot_be_used_spoils_the_list(reader, server, answer, problem):
    server.pending = [answer]
    with pytest.raises(DiscoveryError, match=problem):
        await reader()()


@pytest.mark.parametrize("results", [[device(9)] * 3, [device(5), device(8), device(9)]])
@pytest.mark.parametrize("count", [7, 6, 8])
async def test_a_list_that_changes_while_it_is_read_is_thrown_away(reader, server, results, count):
    """The first page tells of other devices, or of another number of them, than the ones after it."""
    server.pending = [Reply(json.dumps({"count": count, "results": results}).encode())]
    with pytest.raises(DiscoveryError, match="the list changed while it was read"):
        await reader()()


async def test_the_link_to_the_next_page_is_not_followed(reader, server):
    """It points to another host in these tests, where a token must not go."""
    await reader()()
    assert {request.headers["Host"] for request in server.requests} == {server.address}
