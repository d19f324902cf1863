"""Narthex and VictoriaMetrics on the same fake Consul: every discovered label, as both target APIs show it.

The fake invents addresses, so relabeling sends all scrapes to a loopback port where nobody listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import textwrap
from pathlib import Path

import pytest
from tests.e2e.servers import Server, free_port, get, narthex, program, until

from narthex.testing.consul import FakeConsul, Instance

pytestmark = pytest.mark.server

NEWER = {"__meta_consul_partition"}
"""Labels that Debian's VictoriaMetrics 1.79 does not know yet."""

JOBS = """
    everything: {}
    consistent: {allow_stale: false}
    listed: {services: [web, absent]}
    tagged: {tags: [b, a]}
    listed and tagged: {services: [web, db], tags: [a]}
    separated: {services: [web], tag_separator: "|"}
    on nodes: {node_meta: {"rack.name": "1"}}
    elsewhere: {datacenter: dc2}
    of a team: {namespace: team}
"""


def configure(path: Path, address: str) -> Path:
    path.parent.mkdir()
    jobs, nobody = [], f"127.0.0.1:{free_port()}"
    for line in textwrap.dedent(JOBS).strip().splitlines():
        name, _, options = line.partition(": ")
        options = f", {options[1:-1]}" if options != "{}" else ""
        jobs.append(f"""
          - job_name: {name}
            consul_sd_configs: [{{server: "{address}", token: hush{options}}}]
            relabel_configs:
              - {{target_label: __address__, replacement: "{nobody}"}}
              - {{target_label: id, source_labels: [__meta_consul_service_id]}}
              - {{target_label: health, source_labels: [__meta_consul_health]}}
        """)
    path.write_text("scrape_configs:" + "".join(jobs))
    return path


def populate(consul: FakeConsul) -> None:
    """One instance of every sort."""
    rack = {"rack.name": "1", "größe": "XL", "": "nameless"}
    consul.register(
        "web",
        Instance("n1", "10.0.0.1", 80, tags=("a", "b"), node_meta=rack, meta={"version": "1.0", "a-b": "c"}),
        Instance("n2", "10.0.0.2", 81, "10.9.0.2", tags=("b", "a", "c"), checks={"x": "warning", "y": "passing"}),
        Instance("n3", "fd00::3", 82, checks={}),
        Instance("n4", "10.0.0.4", 83, "fd00::4", checks={"x": "critical", "y": "warning"}),
        Instance("n5", "10.0.0.5", 0, checks={"_node_maintenance": "critical", "x": "critical"}),
        Instance("n6", "10.0.0.6", 84, checks={"_service_maintenance:web-n6": "critical"}),
        Instance("n7", "10.0.0.7", 85, checks={"x": "undocumented"}),
        Instance("n8", "10.0.0.8", 86, "host.example", tagged_addresses={"lan": "10.0.0.8", "wan_ipv4": "10.1.0.8"}),
    )
    consul.register("db", Instance("n1", "10.0.0.1", 5432, id="db one", tags=("a",), node_meta=rack))
    consul.register("untagged", Instance("n9", "10.0.0.9", 1, node_meta={"rack.name": "2"}))
    consul.register("far", Instance("m1", "10.2.0.1", 90, datacenter="dc2"))
    consul.register("ours", Instance("n1", "10.0.0.1", 91, namespace="team"))


def discovered(url: str) -> dict[tuple[str, str], dict[str, str]]:
    data = get(f"{url}/api/v1/targets")["data"]
    assert all(target["scrapeUrl"].startswith("http://127.0.0.1:") for target in data["activeTargets"])
    found = [target["discoveredLabels"] for target in data["activeTargets"]]
    return {
        (labels["job"], labels["__meta_consul_service_id"]): {
            name: value
            for name, value in labels.items()
            if value and name not in NEWER and (name == "__address__" or name.startswith("__meta_"))
        }
        for labels in found
    }


@contextlib.contextmanager
def both(tmp_path: Path, address: str):
    """The URLs of both servers, which follow the Consul at ``address``."""
    port = free_port()
    oracle = Server(
        [
            program("victoria-metrics"),
            f"-storageDataPath={tmp_path / 'victoria'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-promscrape.config={configure(tmp_path / 'oracle' / 'prometheus.yml', address)}",
            "-promscrape.consulSDCheckInterval=1s",
        ],
        tmp_path / "victoria.log",
        port,
    )
    try:
        port = free_port()
        own = narthex(configure(tmp_path / "own" / "prometheus.yml", address), tmp_path / "data", port)
        try:
            oracle.wait_for("/health")
            own.wait_for("/-/ready")
            yield own.url, oracle.url
        finally:
            own.stop()
    finally:
        oracle.stop()


def agree(own: str, oracle: str, condition) -> None:
    """Wait until both know targets that fit ``condition``, then compare all label by label."""
    for what, url in (("VictoriaMetrics", oracle), ("Narthex", own)):
        until(f"the targets of {what}", lambda url=url: condition(discovered(url)))
    with contextlib.suppress(AssertionError):  # the difference itself says more than the time that was waited
        until("the same labels", lambda: discovered(own) == discovered(oracle), 10)
    assert discovered(own) == discovered(oracle)


async def test_both_discover_the_same_targets_and_follow_the_same_changes(tmp_path):
    async with FakeConsul(token="hush") as consul:
        populate(consul)
        await asyncio.to_thread(follow, tmp_path, consul, asyncio.get_running_loop())
    assert "hush" not in (tmp_path / "own" / "narthex.log").read_text()


def follow(tmp_path: Path, consul: FakeConsul, loop: asyncio.AbstractEventLoop) -> None:
    def in_every_job(targets):
        return {job for job, _ in targets} == set(re.findall(r"^ *([\w ]+):", JOBS, re.MULTILINE))

    with both(tmp_path, consul.address) as (own, oracle):
        agree(own, oracle, in_every_job)
        assert len(discovered(own)) == 45
        loop.call_soon_threadsafe(consul.register, "web", Instance("n10", "10.0.0.10", 87, tags=("a",)))
        agree(own, oracle, lambda targets: ("tagged", "web-n10") not in targets and ("listed", "web-n10") in targets)
        loop.call_soon_threadsafe(consul.deregister, "db")
        agree(own, oracle, lambda targets: ("everything", "db one") not in targets)
        loop.call_soon_threadsafe(lambda: consul.set_health("web", "web-n1", x="critical"))
        health = "__meta_consul_health"
        agree(own, oracle, lambda targets: targets["everything", "web-n1"][health] == "critical")
