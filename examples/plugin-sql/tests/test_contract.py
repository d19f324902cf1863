"""The contract that Narthex ships for discoverers, and the configuration."""

from __future__ import annotations

import narthex_sql
import pytest
from narthex_sql.conformance import SqlRig

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex.testing.contract import DiscoveryContract


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return SqlRig()


@pytest.fixture
def catalog():
    return PluginHost({"sql": narthex_sql}, scan=False).catalog()


FILE = "scrape_configs:\n- job_name: a\n  sql_sd_configs:\n  - {}\n"


def test_the_kind_is_configured_in_prometheus_yml(catalog):
    text = FILE.format("{module: psycopg, password: hush, query: SELECT 1, options: {connect_timeout: 5}}")
    (block,) = parse_config(text, "prometheus.yml", catalog).scrape_configs[0].discovery
    assert block.config.options == {"connect_timeout": 5}
    assert "hush" not in repr(block.config)


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("{dsn: x}", "query"),
        ("{query: SELECT 1, password: a, password_file: b}", "at most one of password and password_file"),
        ("{query: SELECT 1, options: {password: a}}", "so that it is masked"),
        ("{query: SELECT 1, refresh_interval: 0}", "must not be 0"),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(catalog, block, problem):
    with pytest.raises(ConfigError, match=rf"prometheus\.yml:4:.*{problem}"):
        parse_config(FILE.format(block), "prometheus.yml", catalog)
