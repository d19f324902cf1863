"""The adapter and Avahi, each as it ships, over multicast on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
from dataclasses import replace

import pytest
from tests.e2e.servers import free_port, get, narthex, until

from narthex.testing.discovery import Recorder, build_context
from narthex_sd.mdns.discovery import MdnsDiscoverer

pytestmark = pytest.mark.server


@contextlib.asynccontextmanager
async def running(config):
    seen = Recorder()
    task = asyncio.create_task(MdnsDiscoverer(config, build_context("mdns/0")).run(seen))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait({task})


def named(seen):
    return {group.targets[0]["__meta_mdns_name"]: dict(group.targets[0]) for group in seen.groups.values()}


async def test_labels_hold_what_was_announced(avahi, config):
    publisher = avahi.publish("Küche. 2", 9103, "path=/metrics", "Room-Nr=2=b", "flag", "path=/ignored")
    async with running(config) as seen:
        await seen.until(lambda seen: "Küche. 2" in named(seen))
        labels = named(seen)["Küche. 2"]
        await asyncio.to_thread(avahi.withdraw, publisher)
        await seen.until(lambda seen: "Küche. 2" not in named(seen))
    host = labels.pop("__meta_mdns_server")
    assert host.startswith("narthex-")
    assert host.endswith(".local")
    assert labels == {
        "__address__": "127.0.0.1:9103",
        "__meta_mdns_name": "Küche. 2",
        "__meta_mdns_type": config.service_types[0],
        "__meta_mdns_domain": "local",
        "__meta_mdns_address": "127.0.0.1",
        "__meta_mdns_port": "9103",
        "__meta_mdns_ipv4_addresses": ",127.0.0.1,",
        "__meta_mdns_ipv6_addresses": ",::1,",
        "__meta_mdns_txt_path": "/metrics",
        "__meta_mdns_txtpresent_path": "true",
        "__meta_mdns_txt_Room_Nr": "2=b",
        "__meta_mdns_txtpresent_Room_Nr": "true",
        "__meta_mdns_txt_flag": "",
        "__meta_mdns_txtpresent_flag": "true",
    }


async def test_a_service_that_comes_back_otherwise_is_updated(avahi, config):
    publisher = avahi.publish("phoenix", 9104, "version=1")
    async with running(config) as seen:
        await seen.until(lambda seen: "phoenix" in named(seen))
        await asyncio.to_thread(avahi.withdraw, publisher)
        publisher = avahi.publish("phoenix", 9105, "version=2")
        await seen.until(lambda seen: named(seen).get("phoenix", {}).get("__meta_mdns_txt_version") == "2")
        await seen.until(lambda seen: named(seen)["phoenix"]["__address__"] == "127.0.0.1:9105")
    await asyncio.to_thread(avahi.withdraw, publisher)


async def test_only_the_types_asked_for_are_found(avahi, config):
    (own,) = config.service_types
    other, third = own.replace("narthex", "nx"), own.replace("narthex", "ny")
    publishers = [avahi.publish(name, 9106, kind=kind) for name, kind in (("c", third), ("b", other), ("a", own))]
    async with running(replace(config, service_types=(own, other))) as seen:
        await seen.until(lambda seen: {"a", "b"} <= set(named(seen)))
    assert set(named(seen)) == {"a", "b"}
    for publisher in publishers:
        await asyncio.to_thread(avahi.withdraw, publisher)


def test_the_server_scrapes_what_announces_itself_until_it_says_goodbye(avahi, config, tmp_path):
    path, port = tmp_path / "prometheus.yml", free_port()
    path.write_text(
        textwrap.dedent(f"""
        global: {{scrape_interval: 1s}}
        scrape_configs:
          - job_name: things
            narthex: {{discovery: {{hold: 0}}}}
            mdns_sd_configs:
              - {{service_types: [{config.service_types[0]}], interfaces: [lo], ip_version: v4, browse_time: 500ms}}
            relabel_configs:
              - {{source_labels: [__meta_mdns_name], regex: server, action: keep}}
              - {{source_labels: [__meta_mdns_txt_path], target_label: __metrics_path__}}
              - {{source_labels: [__meta_mdns_name], target_label: thing}}
        """)
    )
    server = narthex(path, tmp_path / "data", port).wait_for("/-/ready")
    try:
        publisher = avahi.publish("server", port, "path=/metrics")
        until("the announced target is up", lambda: server.query('up{job="things", thing="server"} == 1'))
        avahi.withdraw(publisher)
        until("it is gone", lambda: not get(f"{server.url}/api/v1/targets")["data"]["activeTargets"])
        assert server.stop() == 0
    finally:
        server.stop()
    lines = [line for line in server.log.read_text().splitlines() if "mdns" in line]
    assert not [line for line in lines if "level=WARN" in line or "level=ERROR" in line]
