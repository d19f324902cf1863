from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from narthex.config.types import Duration
from narthex.discovery.provider import adapter
from narthex.testing.consul import FakeConsul
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.consul import ConsulConfig
from narthex_sd.consul.discovery import ConsulDiscoverer

QUICK = Duration(10)


class Running:
    """A discoverer at work: what it published, its metrics, and how it ended."""

    def __init__(self, config, clock):
        self.registry = CollectorRegistry()
        self.seen = Recorder()
        self.discoverer = ConsulDiscoverer(
            config, replace(build_context("consul/0", clock, self.registry), log=adapter("consul/0", "test", None))
        )
        self.task = asyncio.create_task(self.discoverer.run(self.seen))

    @property
    def addresses(self):
        return sorted(target["__address__"] for group in self.seen.groups.values() for target in group.targets)

    async def until(self, *addresses):
        """Wait until exactly these targets are in force."""
        waiting = asyncio.create_task(
            self.seen.until(lambda seen: seen.published and self.addresses == sorted(addresses))
        )
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            self.task.result()
        await asyncio.wait({waiting})
        assert self.addresses == sorted(addresses)

    def value(self, name, **labels):
        return self.registry.get_sample_value(f"prometheus_sd_consul_{name}", labels)


@pytest.fixture
async def consul():
    async with FakeConsul() as running:
        yield running


@pytest.fixture
async def discover():
    """Starts discoverers; ``discover(consul, services=("web",))``. All are stopped at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def start(consul, clock=None, **options):
            config = replace(ConsulConfig(server=consul.address, refresh_interval=QUICK), **options)
            running = Running(config, clock)

            async def stop():
                running.task.cancel()
                await asyncio.wait({running.task})

            stack.push_async_callback(stop)
            return running

        yield start
