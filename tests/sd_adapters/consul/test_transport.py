"""The seam to py-consul: what is really sent, over which connections, and with which secrets."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from dataclasses import replace

import pytest
from aiohttp import web

from narthex.clock import SystemClock
from narthex.config.http import Authorization, HttpConfig, TlsConfig
from narthex.config.types import FilePath, Secret
from narthex.errors import DiscoveryError
from narthex.testing.consul import FakeConsul, Instance
from narthex_sd.consul import ConsulConfig
from narthex_sd.consul.api import ConsulApi
from narthex_sd.consul.metrics import ConsulMetrics


@pytest.fixture
async def api():
    """Makes clients of a fake; all are closed at the end."""
    from prometheus_client import CollectorRegistry

    async with contextlib.AsyncExitStack() as stack:

        def make(consul, **options):
            config = replace(ConsulConfig(server=consul.address), **options)
            made = ConsulApi(config, SystemClock(), ConsulMetrics(CollectorRegistry()))
            stack.push_async_callback(made.close)
            return made

        yield make


@pytest.fixture
def hostile_environment(monkeypatch):
    """What py-consul would take from the environment."""
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "from-the-environment")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "https://192.0.2.1:1")
    monkeypatch.setenv("CONSUL_HTTP_SSL", "true")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1")


def tokens(consul):
    return {one.headers.get("X-Consul-Token") for one in consul.requests}


async def ask_everything(api):
    await api.datacenter()
    await api.services(0)
    await api.instances("web", 0)


@pytest.mark.parametrize("token", [None, Secret("configured")])
async def test_the_environment_is_never_asked(consul, api, hostile_environment, token):
    await ask_everything(api(consul, token=token))
    assert tokens(consul) == {token.reveal() if token else None}
    assert len(consul.requests) == 3


async def test_a_token_file_is_read_for_every_request(consul, api, tmp_path):
    file = tmp_path / "token"
    file.write_text("first\n")
    client = api(consul, token_file=FilePath(str(file)))
    await client.services(0)
    file.write_text("second\n")
    await client.services(0)
    assert [one.headers["X-Consul-Token"] for one in consul.requests] == ["first", "second"]
    file.unlink()
    with pytest.raises(DiscoveryError, match="unable to read"):
        await client.services(0)


async def test_a_token_may_be_an_authorization_header(api):
    async with FakeConsul(token="hush") as consul:
        http = HttpConfig(authorization=Authorization(credentials=Secret("hush")))
        await ask_everything(api(consul, http=http))
        with pytest.raises(DiscoveryError, match=r"Unexpected response code: 403 \(ACL not found\)"):
            await api(consul).services(0)


async def test_a_redirect_to_another_host_gets_no_token(consul, api):
    async def elsewhere(request):
        raise web.HTTPTemporaryRedirect(f"http://{consul.address}{request.path_qs}")

    app = web.Application()
    app.router.add_get("/{path:.*}", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.2", 0)
    await site.start()
    try:
        server = f"127.0.0.2:{runner.addresses[0][1]}"
        await api(consul, server=server, token=Secret("hush")).services(0)
    finally:
        await runner.cleanup()
    assert tokens(consul) == {None}


@pytest.mark.parametrize("stale", [True, False])
async def test_every_query_is_consistent_as_configured(consul, api, stale):
    await ask_everything(api(consul, allow_stale=stale))
    asked = [one.values("stale") for one in consul.requests]
    assert asked == [[], [""], [""]] if stale else asked == [[], [], []]


async def test_every_query_names_its_wait_and_later_ones_their_index(consul, api):
    consul.register("web", Instance())
    client = api(consul)
    for index in (0, 1):
        await client.services(index)
        await client.instances("web", index)
    assert [one.values("wait") for one in consul.requests] == [["120000ms"]] * 4
    assert [one.values("index") for one in consul.requests] == [[], [], ["1"], ["1"]]


async def test_names_that_need_escaping_arrive_whole(consul, api):
    name = "größe & co?x=1#y %41"
    consul.register(name, Instance(port=7, tags=("a&b",), node_meta={"a b": "c:d"}))
    answer = await api(consul, tags=("a&b",), node_meta={"a b": "c:d"}).instances(name, 0)
    assert [one["Service"]["Port"] for one in answer.data] == [7]


async def test_bytes_that_are_no_text_spoil_one_value_only(api):
    async def answer(request):
        body = b'{"w\xffb": []}'
        return web.Response(body=body, content_type="application/json", headers={"X-Consul-Index": "1"})

    app = web.Application()
    app.router.add_get("/v1/catalog/services", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with FakeConsul() as consul:
            server = f"127.0.0.1:{runner.addresses[0][1]}"
            assert (await api(consul, server=server).services(0)).data == {"w\ufffdb": []}
    finally:
        await runner.cleanup()


async def test_a_path_stands_before_everything(api):
    async with FakeConsul(prefix="/behind/proxy") as consul:
        for prefix in ("/behind/proxy", "behind/proxy/"):
            await ask_everything(api(consul, path_prefix=prefix))
        with pytest.raises(DiscoveryError, match="404"):
            await api(consul).services(0)


async def test_more_than_a_hundred_queries_are_held_at_once(consul, api):
    consul.register("web", Instance())
    client = api(consul)
    held = [asyncio.create_task(client.instances("web", consul.index)) for _ in range(250)]
    await consul.until(lambda: len(consul.requests) == 250)
    assert not any(one.done() for one in held)
    consul.register("web", Instance(port=81))
    assert {answer.index for answer in await asyncio.gather(*held)} == {consul.index}


async def test_tls_with_a_private_authority_and_a_client_certificate(api, tls):
    async with FakeConsul(tls=tls.server) as consul:
        http = HttpConfig(tls_config=tls.client)
        await ask_everything(api(consul, scheme="https", http=http))
        await ask_everything(api(consul, server=f"https://{consul.address}", http=http))
        anonymous = HttpConfig(tls_config=TlsConfig(ca_file=tls.client.ca_file))
        with pytest.raises(DiscoveryError, match="https://"):  # with TLS 1.3 the server just goes away
            await api(consul, scheme="https", http=anonymous).services(0)
        with pytest.raises(DiscoveryError, match=r"(?i)certificate"):
            await api(consul, scheme="https").services(0)


async def test_a_unix_socket(api, tmp_path):
    async def answer(request):
        return web.json_response({"Config": {"Datacenter": "here"}})

    app = web.Application()
    app.router.add_get("/v1/agent/self", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "consul.sock")
    await web.UnixSite(runner, path).start()
    try:
        async with FakeConsul() as consul:
            assert await api(consul, server=f"unix://{path}").datacenter() == "here"
    finally:
        await runner.cleanup()


async def test_nobody_listening_is_an_error_that_names_the_place(api):
    async with FakeConsul() as consul:
        client = api(consul, token=Secret("hush"))
    with pytest.raises(DiscoveryError, match=r"127\.0\.0\.1") as failed:
        await client.services(0)
    assert "hush" not in str(failed.value)


async def test_an_error_shows_the_beginning_of_its_body_only(consul, api):
    from narthex.testing.consul import Fault

    consul.fail(Fault(status=500, body="x" * 1_000_000), times=1)
    consul.fail(Fault(status=200, body="y" * 1_000_000, headers={"X-Consul-Index": "1"}), times=1)
    for _ in range(2):
        with pytest.raises(DiscoveryError) as failed:
            await api(consul).services(0)
        assert len(str(failed.value)) < 600


def test_the_library_is_imported_by_the_builder_only():
    code = (
        "import sys; from narthex_sd.consul import narthex_discovery_kinds; narthex_discovery_kinds(); "
        "print('consul' in sys.modules or 'requests' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
