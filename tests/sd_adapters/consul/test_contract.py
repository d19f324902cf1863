"""The ``consul`` kind keeps the contract of discoverers."""

from __future__ import annotations

import pytest

from narthex.testing.clock import FakeClock
from narthex.testing.consul import FakeConsul, Fault, Instance
from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig
from narthex_sd import consul


class ConsulRig(DiscoveryRig):
    plugin = consul
    kind = "consul"

    async def start(self):
        self.clock = FakeClock()  # it pauses for 15 s after a failure
        self.consul = await self.enter(FakeConsul(token="open sesame"))
        self.consul.register("web", Instance(port=80))
        self.consul.register("db", Instance(port=5432))

    def config(self):
        return {"server": self.consul.address, "token": "open sesame"}

    async def update(self):
        self.consul.register("web", Instance(node="node2", port=80))

    async def retract(self):
        self.consul.deregister("db")

    async def fail(self):
        self.consul.fail(Fault(status=500, body="rpc error: open sesame"))
        self.consul.wake()

    async def recover(self):
        self.consul.heal()

    async def malformed(self):
        for text in ("", "{", "7", '{"web": 7}', '[{"Service": 1}]'):
            self.consul.heal()
            self.consul.fail(Fault(status=200, body=text, headers={"X-Consul-Index": "9999"}))
            self.consul.wake()
            yield text

    async def enlarge(self, count):
        self.consul.deregister("db")
        self.consul.register("web", *(Instance(node=f"n{number}", port=80) for number in range(count - 1)))


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return ConsulRig()
