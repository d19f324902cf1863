"""Two zeroconfs on loopback: one answers, the other is the adapter's."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

import pytest
from prometheus_client import CollectorRegistry
from tests.waiting import PATIENCE, until

from narthex.config.types import Duration
from narthex.errors import DiscoveryError
from narthex.testing.clock import FakeClock
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.mdns.discovery import MdnsDiscoverer

pytestmark = pytest.mark.narthex_unguarded("tasks")  # zeroconf, as the responder, goes on repeating itself


@contextlib.asynccontextmanager
async def running(config, registry=None, **how):
    seen = Recorder()
    context = build_context("mdns/0", registry=registry)
    task = asyncio.create_task(MdnsDiscoverer(config, context, **how).run(seen))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait({task})


def at(config, name):
    """The source under which an instance is published."""
    return f"{name}.{config.service_types[0]}.local."


def count(registry, change):
    return registry.get_sample_value("narthex_sd_mdns_changes_total", {"change": change})


async def test_the_first_set_holds_what_is_there_already(responder, config):
    await responder.announce(responder.service("one"), responder.service("two"))
    async with running(replace(config, browse_time=Duration(3000))) as seen:
        await seen.until(lambda seen: bool(seen.published))
    assert {group.source for group in seen.published[0]} == {at(config, "one"), at(config, "two")}


async def test_nothing_there_is_a_full_set_too(config):
    async with running(replace(config, service_types=("_nobody._udp",))) as seen:
        await seen.until(lambda seen: bool(seen.published))
    assert seen.published == [()]


async def test_announcement_update_and_goodbye_come_as_they_happen(responder, config):
    registry = CollectorRegistry()
    async with running(config, registry) as seen:
        await seen.until(lambda seen: bool(seen.published))
        await responder.announce(responder.service("one", txt={"path": "/a"}))
        await seen.until(lambda seen: at(config, "one") in seen.groups)
        assert seen.groups[at(config, "one")].targets[0]["__meta_mdns_txt_path"] == "/a"
        await responder.update(responder.service("one", txt={"path": "/b"}))
        await seen.until(lambda seen: seen.groups[at(config, "one")].targets[0]["__meta_mdns_txt_path"] == "/b")
        await asyncio.sleep(1.1)  # RFC 6762 §10.2: what is younger than a second survives newer records
        await responder.update(responder.service("one", txt={"path": "/b"}, addresses=("127.0.0.10",)))
        await seen.until(lambda seen: "127.0.0.10" in seen.groups[at(config, "one")].targets[0]["__address__"])
        await responder.withdraw(responder.service("one"))
        await seen.until(lambda seen: not seen.groups)
    assert count(registry, "added") == count(registry, "removed") == 1
    assert count(registry, "updated") >= 2


async def test_addresses_of_both_versions_are_labels_and_the_version_chooses_the_target(responder, config):
    await responder.announce(responder.service("both", addresses=("127.0.0.9", "::1")))
    async with running(config) as four:
        await four.until(lambda seen: at(config, "both") in seen.groups)
    labels = four.groups[at(config, "both")].targets[0]
    assert labels["__address__"] == "127.0.0.9:9100"
    assert labels["__meta_mdns_ipv4_addresses"] == ",127.0.0.9,"
    assert labels["__meta_mdns_ipv6_addresses"] == ",::1,"


async def test_no_interface_is_an_error_that_names_what_was_wanted(config):
    with pytest.raises(DiscoveryError, match="nowhere0"):
        await MdnsDiscoverer(replace(config, interfaces=("nowhere0",)), build_context()).run(Recorder())


@dataclass
class Ip:
    ip: str


@dataclass
class Adapter:
    name: str
    index: int
    ips: list


async def test_interfaces_that_appear_are_browsed_on(responder, config, monkeypatch):
    from zeroconf.asyncio import AsyncZeroconf

    opened, update = [], AsyncZeroconf.async_update_interfaces

    async def recorded(zeroconf, interfaces):
        opened.append(interfaces)
        await update(zeroconf, interfaces)

    monkeypatch.setattr(AsyncZeroconf, "async_update_interfaces", recorded)
    clock, adapters, seen = FakeClock(), [Adapter("lo", 1, [Ip("127.0.0.1")])], Recorder()
    both = replace(config, interfaces=("lo", "tap0"))
    task = asyncio.create_task(MdnsDiscoverer(both, build_context(clock=clock), lambda: adapters).run(seen))
    try:
        await clock.advance(1)
        await seen.until(lambda seen: bool(seen.published))
        await clock.advance(200)
        assert opened == []
        adapters.append(Adapter("tap0", 9, [Ip("127.0.0.2")]))
        await clock.advance(60)
        await until(lambda: opened == [["127.0.0.1", "127.0.0.2"]])
        before = adapters.copy()
        adapters.clear()
        await clock.advance(60)
        adapters[:] = before
        await responder.announce(responder.service("one"))
        async with asyncio.timeout(PATIENCE):
            while at(config, "one") not in seen.groups:
                await clock.advance(1)
                await asyncio.sleep(0.05)
        assert len(opened) == 1
    finally:
        task.cancel()
        await asyncio.wait({task})
