"""The ``http`` kind keeps the contract of discoverers."""

from __future__ import annotations

import pytest

from narthex.testing.clock import FakeClock
from narthex.testing.contract import DiscoveryContract
from narthex.testing.http import FakeHttp
from narthex.testing.rigs import DiscoveryRig
from narthex_sd import http


class HttpRig(DiscoveryRig):
    plugin = http
    kind = "http"
    free_labels = True

    async def start(self):
        self.clock = FakeClock()  # the interval, which is also what an answer may take, passes soon
        self.server = await self.enter(FakeHttp())
        self.lists("127.0.0.1:1", "127.0.0.1:2")

    def config(self):
        authorization = {"credentials": "open sesame"}
        return {"url": self.server.url("/targets"), "refresh_interval": "30s", "authorization": authorization}

    def lists(self, *addresses):
        self.server.json("/targets", [{"targets": [one], "labels": {"k": "v"}} for one in addresses])

    async def update(self):
        self.lists("127.0.0.1:1", "127.0.0.1:3")

    async def retract(self):
        self.lists("127.0.0.1:1")

    async def fail(self):
        self.server.fail(503, "no service\nopen sesame")

    async def recover(self):
        self.server.heal()

    async def malformed(self):
        for text in ("", "{", "7", '[{"targets": 7}]', '[{"targets": ["a:1"], "labels": {"b": 1}}]'):
            self.server.text("/targets", text)
            yield text

    async def enlarge(self, count):
        self.server.json("/targets", [{"targets": [f"127.0.0.1:{port}" for port in range(count)]}])


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return HttpRig()
