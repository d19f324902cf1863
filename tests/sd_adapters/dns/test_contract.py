"""The ``dns`` kind keeps the contract of discoverers: with a look-up of the test's own, and with a real name server."""

from __future__ import annotations

import pytest
from tests.sd_adapters.dns.test_discovery import Names
from tests.sd_adapters.dns.test_knot import KNOTD, name_server
from tests.sd_adapters.dns.test_knot import build as with_knot

from narthex.errors import DiscoveryError
from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig
from narthex_sd import dns
from narthex_sd.dns.discovery import DnsDiscoverer


class DnsRig(DiscoveryRig):
    plugin = dns
    kind = "dns"

    async def start(self):
        self.names = Names(a=["127.0.0.1"], b=["127.0.0.2"])

    def config(self):
        return {"names": list(self.names.found), "type": "A", "port": 80, "refresh_interval": "50ms"}

    def build(self, config, context):
        return DnsDiscoverer(config, context, lookup=self.names.lookup)

    async def update(self):
        self.names.found["a."] = ["127.0.0.1", "127.0.0.3"]

    async def retract(self):
        self.names.found["b."] = []

    async def fail(self):
        self.before = dict(self.names.found)
        for name in self.names.found:
            self.names.found[name] = DiscoveryError("SERVFAIL")

    async def recover(self):
        self.names.found.update(self.before)

    async def enlarge(self, count):
        self.names.found["a."] = [f"127.0.{number // 256}.{number % 256}" for number in range(count)]
        self.names.found["b."] = []


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return DnsRig()


class KnotRig(DiscoveryRig):
    plugin = dns
    kind = "dns"

    async def start(self):
        self.knot = await self.enter(name_server(self.directory()))

    def config(self):
        return self.knot.config("_db._tcp.example", "SRV")

    def build(self, config, context):
        return with_knot(config, context)

    async def update(self):
        await self.knot.update(lambda message: message.add("_db._tcp", 60, "SRV", "0 0 5433 db2.example."))

    async def retract(self):
        await self.knot.update(lambda message: message.delete("_db._tcp"))


@pytest.mark.server
@pytest.mark.skipif(KNOTD is None, reason="knotd is not installed (Debian package knot)")
class TestContractWithKnot(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return KnotRig()
