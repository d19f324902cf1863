"""Target groups over HTTP: which answers are taken, and what becomes of groups as answers change."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from tests.conformance.cases import ROOT, params

from narthex.config.types import Url
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex.testing.clock import FakeClock
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.http import HttpDiscoveryConfig
from narthex_sd.http.discovery import HttpDiscoverer
from narthex_sd.http.labels import is_json


def content_types() -> list[Any]:
    """The suite's second list, which ``params`` does not know."""
    path = ROOT / "discovery" / "http" / "cases.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{path} is absent"))]
    return [pytest.param(one, id=one["id"]) for one in json.loads(path.read_text(encoding="utf-8"))["content_types"]]


@pytest.mark.parametrize("case", content_types())
def test_media_types_are_accepted_as_prometheus_does(case):
    assert is_json(case["content_type"]) == case["accepted"]


@pytest.mark.parametrize("case", params("discovery/http/cases.json"))
async def test_answers_give_the_groups_that_prometheus_sees(case):
    responses = iter(case["responses"])

    async def answer(_request: web.Request) -> web.Response:
        return response_of(next(responses))

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        url, registry = str(server.make_url("/")), CollectorRegistry()
        config = HttpDiscoveryConfig(Url(url))
        clock, count = FakeClock(), len(case["responses"])
        discoverer = HttpDiscoverer(config, build_context("http/0", clock, registry))
        for expected, seen in zip(case["responses"], await published(discoverer, clock, count), strict=True):
            if "error" in expected:
                assert seen is None
            else:
                assert seen == groups_of(expected["expected"], url)
    failures = registry.get_sample_value("prometheus_sd_http_failures_total")
    assert failures == case.get("failures", 0)


async def published(discoverer: HttpDiscoverer, clock: FakeClock, count: int) -> list[set[Any] | None]:
    """What each of ``count`` answers led to; None for a failure, after which it is run again."""
    seen, task = Recorder(), None
    outcomes: list[set[Any] | None] = []
    for _ in range(count):
        before = len(seen.published)
        if task is None or task.done():
            task = asyncio.create_task(discoverer.run(seen))
        else:
            await clock.advance(60)
        waiting = asyncio.create_task(seen.until(lambda seen, before=before: len(seen.published) > before))
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if len(seen.published) == before:
            assert isinstance(task.exception(), DiscoveryError)
            outcomes.append(None)
        else:
            outcomes.append({key(group) for group in seen.published[-1]})
    assert task is not None
    task.cancel()
    await asyncio.wait({task})
    return outcomes


def key(group: TargetGroup) -> Any:
    targets = tuple(tuple(sorted(target.items())) for target in group.targets)
    return group.source, targets, tuple(sorted(group.labels.items()))


def groups_of(expected: list[dict[str, Any]], url: str) -> set[Any]:
    filled = json.loads(json.dumps(expected).replace("{{URL}}", url))
    return {key(TargetGroup(one["source"], tuple(one["targets"]), one["labels"])) for one in filled}


def response_of(response: dict[str, Any]) -> web.Response:
    file = response.get("file")
    body = (ROOT / "discovery" / "http" / file).read_bytes() if file else response["body"].encode()
    headers = {"Content-Type": response["content_type"]}
    return web.Response(status=response["status"], body=body, headers=headers)
