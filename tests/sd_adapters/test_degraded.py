"""What goes wrong after the first publish is in discovery's state, with plugin and distribution; and it recovers."""

from __future__ import annotations

import http.server
import threading

import aiohttp
import pytest
from tests.e2e.servers import free_port
from tests.waiting import until

from narthex.options import ListenAddress, ServerOptions
from narthex.plugins.host import PluginHost
from narthex.server.server import Server
from narthex.testing.consul import FakeConsul, Fault, Instance
from narthex_plugins.standard import shipped

CONFIG = """
scrape_configs:
  - job_name: files
    file_sd_configs: [{{files: ['{root}/*.json']}}]
  - job_name: services
    consul_sd_configs: [{{server: '{consul}', refresh_interval: 10ms}}]
  - job_name: inventory
    http_sd_configs: [{{url: '{url}', refresh_interval: 2s}}]
"""


class Inventory(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        body = b'[{"targets": ["127.0.0.1:9"]}]'
        self.send_response(type(self).status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def inventory(monkeypatch):
    monkeypatch.setattr(Inventory, "status", 200)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inventory)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
async def asked(tmp_path, inventory, monkeypatch):
    """A running server over three adapters, its fake Consul and directory, and a way to ask its API."""
    monkeypatch.setattr("narthex_sd.consul.blocking.RETRY", 0.05)
    files = tmp_path / "files"
    files.mkdir()
    (files / "good.json").write_text('[{"targets": ["127.0.0.1:1"]}]')
    (files / "torn.json").write_text('[{"targets": ["127.0.0.1:2"]}]')
    async with FakeConsul() as consul:
        consul.register("web", Instance(port=3))
        consul.register("db", Instance(port=4))
        (tmp_path / "p.yml").write_text(CONFIG.format(root=files, consul=consul.address, url=inventory))
        port = free_port()
        options = ServerOptions(
            config_file=tmp_path / "p.yml",
            storage_path=tmp_path / "data",
            web_listen_address=(ListenAddress("127.0.0.1", port),),
        )
        server = Server(options, PluginHost(shipped(), scan=False))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await server.start()
            try:
                yield Asked(session, consul, files)
            finally:
                await server.stop()


class Asked:
    def __init__(self, session, consul, files):
        self.session, self.consul, self.files = session, consul, files

    async def get(self, path):
        async with self.session.get(f"/api/v1/{path}") as answer:
            return (await answer.json())["data"]

    async def states(self):
        return {one["kind"]: one["state"] for one in (await self.get("discovery"))["discoverers"]}

    async def until(self, **states):
        async def reached():
            return await self.states() == states

        await until(reached, f"the states {states}")
        return states

    async def failure(self, plugin):
        """What is told of the one failing discoverer of a plugin, and the plugin's distribution."""
        (one,) = [one for one in (await self.get("status/plugins"))["plugins"] if one["plugin"] == plugin]
        (entry,) = one["failures"]
        return entry, one["distribution"]


async def test_failures_after_the_first_publish_are_shown_by_plugin_and_pass(asked):
    await asked.until(file="ok", consul="ok", http="ok")
    before = {one["kind"]: one["targets"] for one in (await asked.get("discovery"))["discoverers"]}
    (asked.files / "torn.json").write_text("[{")
    asked.consul.fail(Fault(path="/v1/health/service/db", status=500, body="no leader"))
    asked.consul.wake()
    Inventory.status = 503
    await asked.until(file="degraded", consul="degraded", http="retrying")
    wanted = {"file": "torn.json", "consul": "service db", "http": "503"}
    for plugin, text in wanted.items():
        entry, distribution = await asked.failure(plugin)
        assert distribution == "narthex"
        assert text in entry["what"]
        assert entry["state"] == ("retrying" if plugin == "http" else "degraded")
    shown = {one["kind"]: one for one in (await asked.get("discovery"))["discoverers"]}
    assert {kind: one["targets"] for kind, one in shown.items()} == before
    assert [one["part"] for one in shown["consul"]["troubles"]] == ["service db"]
    (asked.files / "torn.json").write_text('[{"targets": ["127.0.0.1:2"]}]')
    asked.consul.heal()
    Inventory.status = 200
    await asked.until(file="ok", consul="ok", http="ok")
    assert not any(one["troubles"] for one in (await asked.get("discovery"))["discoverers"])


async def test_a_part_that_goes_takes_its_trouble_along(asked):
    await asked.until(file="ok", consul="ok", http="ok")
    (asked.files / "torn.json").write_text("[{")
    asked.consul.fail(Fault(path="/v1/health/service/db", status=500))
    asked.consul.wake()
    await asked.until(file="degraded", consul="degraded", http="ok")
    (asked.files / "torn.json").unlink()
    asked.consul.deregister("db")
    await asked.until(file="ok", consul="ok", http="ok")
