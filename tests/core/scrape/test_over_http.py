"""A pool with the real client against a real server: what the fakes of the other tests take for granted."""

import gzip

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.waiting import until

from narthex.clock import SystemClock
from narthex.http.client import HttpClient


@pytest.fixture
async def exporter():
    """A server whose ``/metrics`` answers with ``exporter.body``, gzipped where asked for."""

    async def handle(request):
        handle.requests.append(request)
        body, headers = handle.body, {"Content-Type": "text/plain; version=0.0.4"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        return web.Response(body=body, headers=headers)

    handle.requests, handle.body = [], b"a 1\n"
    app = web.Application()
    app.router.add_get("/metrics", handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    handle.address = f"127.0.0.1:{server.port}"
    handle.close = server.close
    yield handle
    await server.close()


@pytest.fixture
def over_http(bench):
    bench.make_client = lambda config: HttpClient(config, SystemClock())
    return bench


@pytest.mark.parametrize("compressed", [True, False])
async def test_bodies_come_over_one_connection(over_http, exporter, target, found, compressed):
    over_http.pool(enable_compression=compressed).sync(found(target(exporter.address)))
    for count in (1, 2, 3):
        exporter.body = f"a {count}\n".encode()
        await over_http.clock.advance(10)
        await until(lambda wanted=count: len(over_http.values("a")) == wanted)
    assert [value for _, value in over_http.values("a")] == [1, 2, 3]
    assert len({request.transport for request in exporter.requests}) == 1
    assert exporter.requests[0].headers["User-Agent"].startswith("Narthex/")
    assert exporter.requests[0].headers["X-Prometheus-Scrape-Timeout-Seconds"] == "10"


async def test_a_server_that_goes_away_makes_the_target_down(over_http, exporter, target, found):
    pool = over_http.pool()
    pool.sync(found(target(exporter.address)))
    await over_http.clock.advance(10)
    await until(lambda: pool.status().targets[0].health == "up")
    await exporter.close()
    await over_http.clock.advance(10)
    await until(lambda: pool.status().targets[0].health == "down")
    assert exporter.address in pool.status().targets[0].last_error


async def test_a_body_at_the_limit_fails(over_http, exporter, target, found):
    exporter.body = b"a 1\n" + b"# " + b"x" * 93 + b"\n"
    pool = over_http.pool(body_size_limit=100)
    pool.sync(found(target(exporter.address)))
    await over_http.clock.advance(10)
    await until(lambda: pool.status().targets[0].health != "unknown")
    assert "body size limit" in pool.status().targets[0].last_error
    exporter.body = exporter.body[:-1]
    await over_http.clock.advance(10)
    await until(lambda: pool.status().targets[0].health == "up")
