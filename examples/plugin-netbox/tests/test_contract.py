"""The contract that Narthex ships for discoverers, tried on a NetBox of our own."""

from __future__ import annotations

import narthex_netbox
import pytest
from netbox import PATH, FakeNetbox, device

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig


class Rig(DiscoveryRig):
    plugin = narthex_netbox
    kind = "netbox"

    async def start(self):
        self.server = await self.enter(FakeNetbox())
        self.server.devices = [device(1), device(2), device(3)]
        self.server.largest_page = 2

    def config(self):
        return {
            "url": self.server.url("/"),
            "refresh_interval": "50ms",
            "authorization": {"type": "Token", "credentials": "hush"},
        }

    async def update(self):
        self.server.devices[0] = device(1, site="ber")

    async def retract(self):
        del self.server.devices[2]

    async def fail(self):
        self.server.fail(503)

    async def recover(self):
        self.server.heal()

    async def malformed(self):
        for name, text in {"no JSON": "<html>", "another answer": "[7]", "half a page": '{"count": 7}'}.items():
            self.server.text(PATH, text)
            yield name

    async def enlarge(self, count):
        self.server.devices = [device(number) for number in range(count)]
        self.server.largest_page = 1000


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return Rig()


@pytest.fixture
def catalog():
    return PluginHost({"netbox": narthex_netbox}, scan=False).catalog()


FILE = "scrape_configs:\n- job_name: a\n  netbox_sd_configs:\n  - {}\n"


def test_the_kind_is_configured_in_prometheus_yml(catalog):
    text = "{url: 'http://127.0.0.1', role: virtual_machine, filters: {status: active}, tls_config: {server_name: x}}"
    (block,) = parse_config(FILE.format(text), "prometheus.yml", catalog).scrape_configs[0].discovery
    assert block.config.role == "virtual_machine"
    assert block.config.filters == {"status": "active"}
    assert block.config.http.tls_config.server_name == "x"


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("{}", "url"),
        ("{url: 'http://127.0.0.1', role: switch}", "role"),
        ("{url: 'http://127.0.0.1', port: 0}", "must be from 1 to 65535"),
        ("{url: 'http://127.0.0.1', page_size: 0}", "must not be 0"),
        ("{url: 'http://127.0.0.1', filters: {offset: 7}}", "offset is set while paging"),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(catalog, block, problem):
    with pytest.raises(ConfigError, match=rf"prometheus\.yml:4:.*{problem}"):
        parse_config(FILE.format(block), "prometheus.yml", catalog)
