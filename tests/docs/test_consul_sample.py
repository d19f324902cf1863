"""The configuration on the page about Consul, on the fake Consul."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from narthex.config.load import load_config
from narthex.model.targetgroup import SourcedGroup
from narthex.plugins.host import PluginHost
from narthex.relabel.rules import compile_rules
from narthex.targets import targets
from narthex.testing.consul import FakeConsul, Instance
from narthex.testing.discovery import Recorder, build_context
from narthex_plugins.standard import shipped

SAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/samples/consul.yml"


async def test_the_sample_does_what_the_page_says(tmp_path):
    (tmp_path / "consul-token").write_text("hush\n")
    (tmp_path / "prometheus.yml").write_text(SAMPLE.read_text())
    catalog = PluginHost(shipped(), scan=False).catalog()
    job = load_config(tmp_path / "prometheus.yml", catalog, env={}).scrape_configs[0]
    meta = {"metrics_port": "9102", "metrics_path": "/internal/metrics"}
    recorder = Recorder()
    async with FakeConsul(token="hush") as consul:
        consul.register("shop", Instance("n1", "10.0.0.1", 8080, tags=("metrics", "env-prod"), meta=meta))
        consul.register("shop", Instance("n2", "10.0.0.2", 8080, tags=("metrics",)))
        consul.register("shop", Instance("n3", tags=("metrics",), checks={"_node_maintenance": "critical"}))
        consul.register("db", Instance("n1", "10.0.0.1", 5432))
        config = replace(job.discovery[0].config, server=consul.address)
        discoverer = catalog.discovery["consul"].kind.build(config, build_context("consul/0"))
        task = asyncio.create_task(discoverer.run(recorder))
        await recorder.until(lambda seen: bool(seen.published))
        task.cancel()
        await asyncio.wait({task})
    groups = [SourcedGroup("consul/0", group) for group in recorder.groups.values()]
    found = targets(job, groups, compile_rules(job.relabel_configs, catalog))
    assert {one.url: dict(one.public) for one in found.active} == {
        "http://10.0.0.1:9102/internal/metrics": {
            "job": "consul", "instance": "n1", "service": "shop", "env": "prod",
        },
        "http://10.0.0.2:8080/metrics": {"job": "consul", "instance": "n2", "service": "shop"},
    }  # fmt: skip
    assert len(found.dropped) == 1
