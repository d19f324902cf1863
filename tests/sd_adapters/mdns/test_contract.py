"""The ``mdns`` kind keeps the contract of discoverers, with Avahi."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace

import pytest

from narthex.config.types import Duration
from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig
from narthex_sd import mdns

pytestmark = pytest.mark.server


class Publisher:
    def __init__(self, avahi, process):
        self.avahi, self.process = avahi, process

    def close(self):
        self.avahi.withdraw(self.process)


class MdnsRig(DiscoveryRig):
    plugin = mdns
    kind = "mdns"
    reaches = ("224.0.0.251",)  # the group that it asks, on loopback

    def __init__(self, avahi, config):
        super().__init__()
        # A responder sends a record once a second at most, and a rule asks anew at once; the rest is for slow machines.
        self.avahi, self._config = avahi, replace(config, browse_time=Duration(2500))

    async def start(self):
        self.first = await self.publish("first", 9101)

    async def publish(self, name, port):
        """Announce a service until the rule is over, so that the next one does not find it."""
        publisher = self.avahi.publish(name, port)
        await self.enter(closing(Publisher(self.avahi, publisher)))
        return publisher

    def config(self):
        return self._config

    async def update(self):
        await self.publish("second", 9102)

    async def retract(self):
        await asyncio.to_thread(self.avahi.withdraw, self.first)


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self, avahi, config):
        return MdnsRig(avahi, config)
