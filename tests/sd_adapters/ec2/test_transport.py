"""botocore's requests over Narthex's own client: a server on loopback that answers as the test says."""

from __future__ import annotations

import asyncio
import gzip
import threading
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.waiting import PATIENCE

from narthex.clock import SystemClock
from narthex.config.http import HttpConfig, HttpHeader, ProxyConfig
from narthex.config.types import Secret, Url
from narthex.testing.discovery import Recorder, build_context
from narthex.testing.guards.leaks import left_threads
from narthex_sd.ec2 import Ec2Config
from narthex_sd.ec2.discovery import Ec2Discoverer
from narthex_sd.ec2.transport import Abandoned, Transport

PAGE = (
    "<DescribeInstancesResponse><reservationSet><item><ownerId>o</ownerId><instancesSet><item>"
    "<instanceId>i-1</instanceId><privateIpAddress>127.0.0.9</privateIpAddress></item></instancesSet></item>"
    "</reservationSet></DescribeInstancesResponse>"
)


class Cloud:
    """What was asked, and an answer for each action; instances of a second page never come."""

    def __init__(self):
        self.requests = []
        self.hangs = False
        self.reached = asyncio.Event()

    async def handle(self, request):
        self.requests.append((request.headers.copy(), dict(await request.post())))
        self.reached.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.requests[-1][1]["Action"] == "DescribeAvailabilityZones":
            return web.Response(status=403)
        return web.Response(body=gzip.compress(PAGE.encode()), headers={"Content-Encoding": "gzip"})


@pytest.fixture
async def cloud():
    made = Cloud()
    app = web.Application()
    app.router.add_post("/", made.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        made.config = Ec2Config(region="r", endpoint=Url(str(server.make_url("/"))))
        made.url = str(server.make_url("/"))
        yield made


async def answered(config):
    seen = Recorder()
    task = asyncio.create_task(Ec2Discoverer(config, build_context("ec2/0")).run(seen))
    waiting = asyncio.create_task(seen.until(lambda seen: bool(seen.published)))
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for one in (task, waiting):
        one.cancel()
    await asyncio.wait({task, waiting})
    return seen.groups["r"].targets


async def test_a_packed_answer_is_read_and_the_request_is_signed(cloud):
    assert [target["__address__"] for target in await answered(cloud.config)] == ["127.0.0.9:80"]
    headers, form = cloud.requests[0]
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=environment-key/")
    assert form["Action"] == "DescribeInstances"


async def test_headers_of_the_block_are_sent_and_do_not_break_the_signature(cloud):
    http = HttpConfig(http_headers={"X-Team": HttpHeader(secrets=(Secret("blue"),))})
    await answered(replace(cloud.config, http=http))
    headers, _ = cloud.requests[0]
    assert headers["X-Team"] == "blue"
    assert "x-team" not in headers["Authorization"]


async def test_the_blocks_proxy_is_used_and_the_environments_is_not(cloud, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    await answered(cloud.config)
    proxied = replace(cloud.config, endpoint=Url("http://ec2.invalid/"))
    http = HttpConfig(proxy=ProxyConfig(proxy_url=Url(cloud.url)))
    await answered(replace(proxied, http=http))
    assert cloud.requests[-1][0]["Host"] == "ec2.invalid"


async def test_it_stops_at_once_while_a_request_hangs(cloud):
    threads = set(threading.enumerate())
    config = replace(cloud.config, refresh_interval=type(cloud.config.refresh_interval)(20))
    task = asyncio.create_task(Ec2Discoverer(config, build_context("ec2/0")).run(Recorder()))
    await cloud.reached.wait()
    cloud.hangs = True
    cloud.reached.clear()
    await cloud.reached.wait()
    task.cancel()
    stopped, _ = await asyncio.wait({task}, timeout=PATIENCE)
    assert stopped
    assert await asyncio.to_thread(left_threads, threads) == []


async def test_a_closed_transport_sends_nothing():
    async with Transport(HttpConfig(), SystemClock()) as transport:
        pass
    with pytest.raises(Abandoned):
        transport.send(None)
