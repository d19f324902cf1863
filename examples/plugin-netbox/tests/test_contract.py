"""The contract that Narthex ships for discoverers, and the configuration."""

from __future__ import annotations

import narthex_netbox
import pytest
from narthex_netbox.conformance import NetboxRig

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex.testing.contract import DiscoveryContract


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return NetboxRig()


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
