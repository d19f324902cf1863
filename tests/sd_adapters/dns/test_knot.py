"""Against a real name server: records come and go while the discoverer runs."""

from __future__ import annotations

import asyncio
import contextlib
import shutil

import dns.asyncquery
import dns.message
import dns.update
import pytest
from tests.e2e.servers import free_port
from tests.waiting import PATIENCE

from narthex.config.types import Duration
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.dns import DnsConfig
from narthex_sd.dns.config import RecordType
from narthex_sd.dns.discovery import DnsDiscoverer
from narthex_sd.dns.lookup import Resolver

KNOTD = shutil.which("knotd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(KNOTD is None, reason="knotd is not installed (Debian package knot)"),
]

CONF = """
server:
  listen: 127.0.0.1@{port}
  rundir: {folder}
database:
  storage: {folder}
log:
  - target: stderr
    any: info
acl:
  - id: test
    address: 127.0.0.1
    action: update
zone:
  - domain: example.
    storage: {folder}
    file: example.zone
    acl: test
"""
ZONE = """
example. 60 SOA ns.example. admin.example. 1 60 60 60 60
example. 60 NS ns.example.
example. 60 MX 10 mail.example.
ns.example. 60 A 127.0.0.1
nodes.example. 60 A 127.0.0.11
nodes.example. 60 A 127.0.0.12
nodes.example. 60 AAAA ::1
alias.example. 60 CNAME nodes.example.
_db._tcp.example. 60 SRV 0 0 5432 db1.example.
"""


class Knot:
    def __init__(self, port):
        self.port = port

    async def update(self, change):
        """Send a dynamic update (RFC 2136); ``change`` fills it in."""
        message = dns.update.UpdateMessage("example.")
        change(message)
        answer = await dns.asyncquery.tcp(message, "127.0.0.1", PATIENCE, self.port)
        assert answer.rcode() == 0, answer

    def config(self, name, kind, port=0):
        return DnsConfig((name,), RecordType(kind), port, Duration(50), (f"127.0.0.1:{self.port}",))

    async def answers(self):
        with contextlib.suppress(Exception):
            query = dns.message.make_query("example.", "SOA")
            return bool((await dns.asyncquery.udp(query, "127.0.0.1", 0.5, self.port)).answer)
        return False


@contextlib.asynccontextmanager
async def name_server(folder):
    """Knot with a zone of its own, which takes updates."""
    port = free_port()
    (folder / "example.zone").write_text(ZONE)
    (folder / "knot.conf").write_text(CONF.format(port=port, folder=folder))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(KNOTD), "-c", str(folder / "knot.conf"), stdout=log, stderr=log
        )
    one = Knot(port)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await one.answers():
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        yield one
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def knot(tmp_path):
    async with name_server(tmp_path) as one:
        yield one


def build(config, context):
    return DnsDiscoverer(config, context, Resolver(config.nameservers, "/nowhere").lookup)


@contextlib.asynccontextmanager
async def following(config):
    seen = Recorder()
    task = asyncio.create_task(build(config, build_context("dns/0")).run(seen))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait({task})


def addresses(seen):
    return sorted(target["__address__"] for group in seen.groups.values() for target in group.targets)


@pytest.mark.parametrize(
    ("name", "kind", "port", "expected"),
    [
        ("nodes.example", "A", 9100, ["127.0.0.11:9100", "127.0.0.12:9100"]),
        ("alias.example.", "A", 9100, ["127.0.0.11:9100", "127.0.0.12:9100"]),
        ("nodes.example", "AAAA", 9100, ["[::1]:9100"]),
        ("example", "MX", 25, ["mail.example:25"]),
        ("example", "NS", 53, ["ns.example:53"]),
        ("_db._tcp.example", "SRV", 0, ["db1.example:5432"]),
    ],
)
async def test_records_of_each_type_become_targets(knot, name, kind, port, expected):
    async with following(knot.config(name, kind, port)) as seen:
        await seen.until(lambda seen: addresses(seen) == expected)


async def test_four_hundred_records_arrive_over_tcp_and_go_again(knot):
    def add(message):
        for port in range(1, 401):
            message.add("_big._tcp", 60, "SRV", f"0 0 {port} host{port}.example.")

    async with following(knot.config("_big._tcp.example", "SRV")) as seen:
        await seen.until(lambda seen: seen.published)
        assert addresses(seen) == []
        await knot.update(add)
        await seen.until(lambda seen: len(addresses(seen)) == 400)
        await knot.update(lambda message: message.delete("_big._tcp", "SRV", "0 0 7 host7.example."))
        await seen.until(lambda seen: len(addresses(seen)) == 399)
        assert "host7.example:7" not in addresses(seen)
        await knot.update(lambda message: message.delete("_big._tcp"))
        await seen.until(lambda seen: addresses(seen) == [])


async def test_a_zone_that_is_not_served_there_keeps_what_is_known(knot):
    seen = Recorder()
    with pytest.raises(Exception, match="REFUSED"):
        await build(knot.config("host.elsewhere.", "A", 80), build_context("dns/0")).run(seen)
    assert seen.published == []
