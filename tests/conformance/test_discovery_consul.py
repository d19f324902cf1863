"""Consul: requests, groups, labels and configurations as Prometheus's own tests have them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.conformance.cases import ROOT, params

from narthex.config.decode import decode_yaml
from narthex.errors import ConfigError, DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.consul import ConsulConfig
from narthex_sd.consul.discovery import ConsulDiscoverer
from narthex_sd.consul.labels import target_group, wanted_services

SUITE = ROOT / "discovery" / "consul.json"
suite: dict[str, Any] = json.loads(SUITE.read_text()) if SUITE.exists() else {}


def of(section: str) -> list[Any]:
    """One parameter for each entry of a section of the suite."""
    if not suite:
        reason = f"conformance suite {SUITE.name} is not in {SUITE.parent}"
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(one, id=one["id"]) for one in suite[section]]


@asynccontextmanager
async def answering(case: dict[str, Any]):
    """The suite's server: the same answers and the same index, again and again."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        if "index" in request.query and request.query["index"] == suite["response_header"]["X-Consul-Index"]:
            await asyncio.Event().wait()  # nothing is newer
        answers = suite["api"] | ({"/v1/catalog/services": case["catalog_answer"]} if "catalog_answer" in case else {})
        return web.json_response(answers[request.path], headers=suite["response_header"])

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    server = TestServer(app, host="127.0.0.1", skip_url_asserts=True)
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield f"127.0.0.1:{server.port}", seen
    finally:
        await server.close()


async def discovered(config: ConsulConfig) -> Recorder:
    recorder = Recorder()
    task = asyncio.create_task(ConsulDiscoverer(config, build_context("consul/0")).run(recorder))
    try:
        await recorder.until(lambda seen: bool(seen.published))
    finally:
        task.cancel()
        await asyncio.wait({task})
    return recorder


def configured(options: dict[str, Any], address: str) -> ConsulConfig:
    """The cases set fields of Prometheus's struct, past its YAML defaults: there stale reads are off unless set."""
    return decode_yaml(ConsulConfig, json.dumps({"server": address, "allow_stale": False, **options}), "consul.yml")


@pytest.mark.parametrize("case", params("discovery/consul.json"))
async def test_requests_and_groups_are_those_of_prometheus(case):
    async with answering(case) as (address, seen):
        found = await discovered(configured(case["config"], address))
    assert len(found.published) == 1
    assert [group.source for group in found.published[0]] == case["expected_groups"]
    assert found.groups == {source: expected(source) for source in case["expected_groups"]}
    if "requests" in case:
        asked = [(one.path, sorted(one.query.items())) for one in seen if "index" not in one.query]
        assert [one for one in asked if one[0] != "/v1/agent/self"] == [taken_apart(one) for one in case["requests"]]
    for path, key in (("/v1/catalog/services", "catalog_filter"), ("/v1/health/service/test", "health_filter")):
        if key in case:
            assert {one.query.get("filter", "") for one in seen if one.path == path} == {case[key]}
    token = case["config"].get("token")
    assert {one.headers.get("X-Consul-Token") for one in seen} == {token}


def expected(source: str) -> TargetGroup:
    found = suite["expected_labels"][source]
    return TargetGroup(found["source"], tuple(found["targets"]), found["labels"])


def taken_apart(url: str) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(url)
    return parts.path, sorted(parse_qsl(parts.query, keep_blank_values=True))


@pytest.mark.parametrize("source", ["test", "other"])
def test_labels_are_those_of_prometheus(source):
    if not suite:
        pytest.skip(f"conformance suite {SUITE.name} is not in {SUITE.parent}")
    assert target_group(source, "test-dc", ",", suite["api"][f"/v1/health/service/{source}"]) == expected(source)


@pytest.mark.parametrize("case", of("should_watch"))
def test_a_service_is_watched_by_name_and_tags(case):
    config = ConsulConfig(services=tuple(case["services"]), tags=tuple(case["tags"]))
    found = wanted_services(config, {case["service"]: case["service_tags"]})
    assert found == (frozenset({case["service"]}) if case["watch"] else frozenset())


@pytest.mark.parametrize("case", of("configs"))
def test_configurations_are_checked(case):
    if case["valid"]:
        decode_yaml(ConsulConfig, case["config"], "consul.yml")
        return
    with pytest.raises(ConfigError) as refused:
        decode_yaml(ConsulConfig, case["config"], "consul.yml")
    assert any(case["error"] in problem.message for problem in refused.value.problems)


@pytest.mark.parametrize("case", of("datacenter_errors"))
async def test_without_a_datacenter_there_is_an_error(case):
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=case["status"], text=case["body"])

    app = web.Application()
    app.router.add_get("/v1/agent/self", handle)
    server = TestServer(app, host="127.0.0.1", skip_url_asserts=True)
    await server.start_server()
    config = ConsulConfig(server=f"127.0.0.1:{server.port}")
    try:
        with pytest.raises(DiscoveryError) as failed:
            await ConsulDiscoverer(config, build_context("consul/0")).run(Recorder())
    finally:
        await server.close()
    assert str(failed.value) == case["error"]
