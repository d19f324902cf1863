"""The contract that Narthex ships for discoverers, tried on an inventory in SQLite."""

from __future__ import annotations

import sqlite3

import narthex_sql
import pytest

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig


class Rig(DiscoveryRig):
    plugin = narthex_sql
    kind = "sql"

    async def start(self):
        self.file = self.directory() / "inventory.db"
        self.write("CREATE TABLE hosts (host, port, site)")
        self.write("INSERT INTO hosts VALUES ('127.0.0.1', 9100, 'fra'), ('127.0.0.2', 9100, 'ber')")

    def config(self):
        return {
            "dsn": f"file:{self.file}?mode=ro",
            "options": {"uri": True},
            "query": "SELECT host || ':' || port AS address, site FROM hosts",
            "refresh_interval": "50ms",
        }

    def write(self, statement, rows=()):
        connection = sqlite3.connect(self.file)
        with connection:
            connection.executemany(statement, rows) if rows else connection.execute(statement)
        connection.close()

    async def update(self):
        self.write("UPDATE hosts SET site = 'muc' WHERE host = '127.0.0.1'")

    async def retract(self):
        self.write("DELETE FROM hosts WHERE host = '127.0.0.2'")

    async def fail(self):
        self.write("ALTER TABLE hosts RENAME TO machines")

    async def recover(self):
        self.write("ALTER TABLE machines RENAME TO hosts")

    async def malformed(self):
        self.write("INSERT INTO hosts VALUES (NULL, 9100, 'fra')")
        yield "a row without an address"
        self.write("DELETE FROM hosts WHERE host IS NULL")
        self.write("ALTER TABLE hosts RENAME COLUMN site TO place")
        yield "a table without a column"

    async def enlarge(self, count):
        self.write("DELETE FROM hosts")
        self.write("INSERT INTO hosts VALUES (?, 9100, 'fra')", [(f"10.{n >> 8}.{n & 255}.1",) for n in range(count)])


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return Rig()


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
