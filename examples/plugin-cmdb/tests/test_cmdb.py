from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import narthex_cmdb
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from narthex.config.load import parse_config
from narthex.config.types import Secret, Url
from narthex.errors import ConfigError, DiscoveryError
from narthex.kinds import BuildContext
from narthex.plugins.host import PluginHost
from narthex.testing.clock import FakeClock

HOST = {
    "name": "web1", "address": "127.0.0.1", "site": "fra", "owner": "shop", "tags": ["edge", "tls"],
    "exporters": {"node": 9100, "nginx": 9113},
}  # fmt: skip


@pytest.fixture
async def cmdb():
    """A CMDB on loopback: ``hosts`` is what it lists, ``asked`` the requests."""
    state = SimpleNamespace(hosts=[HOST], status=200, asked=[])

    async def hosts(request: web.Request) -> web.Response:
        state.asked.append(request)
        return web.json_response(state.hosts, status=state.status)

    app = web.Application()
    app.router.add_get("/hosts", hosts)
    async with TestServer(app) as server:
        state.url = Url(str(server.make_url("/hosts")))
        yield state


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def running(cmdb, clock):
    """The discoverer at work: an event for each publication, and the groups by source."""
    tasks, seen = [], SimpleNamespace(groups={}, published=asyncio.Event())

    def publish(groups):
        seen.groups.update({group.source: group for group in groups})
        seen.published.set()

    def start(**settings):
        log = logging.LoggerAdapter(logging.getLogger("test"))
        context = BuildContext(name="cmdb/0", clock=clock, log=log, registry=CollectorRegistry())
        config = narthex_cmdb.CmdbConfig(url=cmdb.url, **settings)
        seen.task = asyncio.create_task(narthex_cmdb.build(config, context).run(publish))
        tasks.append(seen.task)
        return seen

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_every_exporter_of_a_host_is_a_target(running):
    seen = running()
    await seen.published.wait()
    group = seen.groups["web1"]
    assert group.targets == (
        {"__address__": "127.0.0.1:9100", "__meta_cmdb_exporter": "node"},
        {"__address__": "127.0.0.1:9113", "__meta_cmdb_exporter": "nginx"},
    )
    assert group.labels == {
        "__meta_cmdb_name": "web1", "__meta_cmdb_site": "fra", "__meta_cmdb_owner": "shop",
        "__meta_cmdb_tags": ",edge,tls,",
    }  # fmt: skip


async def test_environment_and_token_are_sent(running, cmdb):
    seen = running(environment="staging", token=Secret("hush"))
    await seen.published.wait()
    assert cmdb.asked[0].query["environment"] == "staging"
    assert cmdb.asked[0].headers["Authorization"] == "Bearer hush"


async def test_a_host_that_left_is_retracted(running, cmdb, clock):
    seen = running()
    await seen.published.wait()
    seen.published.clear()
    cmdb.hosts = []
    await clock.advance(60)
    await seen.published.wait()
    assert seen.groups["web1"].is_retraction


@pytest.mark.parametrize("broken", [{"status": 503}, {"hosts": [{"name": "half"}]}, {"hosts": 7}])
async def test_a_broken_answer_publishes_nothing(running, cmdb, broken):
    vars(cmdb).update(broken)
    seen = running()
    with pytest.raises(DiscoveryError):
        await seen.task
    assert seen.groups == {}


def catalog():
    return PluginHost({"cmdb": narthex_cmdb}, scan=False).catalog()


def test_the_kind_is_configured_in_prometheus_yml():
    text = "scrape_configs: [{job_name: a, cmdb_sd_configs: [{url: 'http://127.0.0.1/hosts', refresh_interval: 5m}]}]"
    (block,) = parse_config(text, "prometheus.yml", catalog()).scrape_configs[0].discovery
    assert block.kind == "cmdb"
    assert block.config == narthex_cmdb.CmdbConfig(Url("http://127.0.0.1/hosts"), refresh_interval=300_000)


def test_a_wrong_setting_is_told_with_its_line():
    text = "scrape_configs:\n- job_name: a\n  cmdb_sd_configs:\n  - ulr: http://127.0.0.1/hosts\n"
    with pytest.raises(ConfigError, match=r"prometheus.yml:4:.*ulr"):
        parse_config(text, "prometheus.yml", catalog())
