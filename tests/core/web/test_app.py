"""What surrounds every handler: envelopes, codes, CORS, readiness, plugins' routes, measurement."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from tests.core.web.fakeview import FakeView
from tests.waiting import PATIENCE

from narthex.errors import StorageError
from narthex.kinds import WebRoute
from narthex.plugins.catalog import Catalog, Contribution, Origin

ACME = Origin("acme_pages", "acme-narthex", "1.2.3")


def with_route(view: FakeView, handle: Any, path: str = "/acme") -> FakeView:
    route = WebRoute("GET", path, handle)
    view.catalog = Catalog(routes={f"GET {path}": Contribution(route, ACME)})
    return view


async def error_of(answer: Any) -> tuple[int, str, str]:
    body = await answer.json()
    assert body["status"] == "error"
    return answer.status, body["errorType"], body["error"]


async def test_an_unknown_path_of_the_api_is_not_found_in_json(client: TestClient) -> None:
    assert await error_of(await client.get("/api/v1/nope")) == (404, "not_found", "no such API path: /api/v1/nope")
    answer = await client.get("/nope")
    assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_a_wrong_method_is_refused_and_told_the_right_ones(client: TestClient) -> None:
    answer = await client.post("/api/v1/targets")
    assert (await error_of(answer))[:2] == (405, "bad_data")
    assert answer.headers["Allow"] == "GET,HEAD"


async def test_every_api_path_answers_preflights_and_any_origin(client: TestClient) -> None:
    for path in ("/api/v1/query", "/api/v1/targets", "/api/v1/nope"):
        answer = await client.options(path, headers={"Origin": "http://grafana"})
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = await client.get("/api/v1/query", headers={"Origin": "http://grafana"})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (400, "*")
    assert "Access-Control-Allow-Origin" not in (await client.get("/api/v1/alerts")).headers
    answer = await client.post("/-/reload", headers={"Origin": "http://elsewhere"})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_bug_is_an_internal_error_and_keeps_its_traceback(
    view: FakeView, client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "config_yaml", lambda: 1 / 0)
    assert await error_of(await client.get("/api/v1/status/config")) == (
        500,
        "internal",
        "ZeroDivisionError: division by zero",
    )
    assert caplog.records[-1].exc_info


async def test_an_error_of_the_storage_is_internal(
    view: FakeView, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("a block is damaged")

    monkeypatch.setattr(view.storage, "label_names", fail)
    assert await error_of(await client.get("/api/v1/labels")) == (500, "internal", "a block is damaged")


async def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post("/api/v1/query", data=io.BytesIO(b"query=" + b"x" * (17 << 20)), headers=headers)
    assert (await error_of(answer))[:2] == (413, "bad_data")


async def test_before_recovery_only_health_and_metrics_answer(view: FakeView, client: TestClient) -> None:
    view.ready = False
    assert (await error_of(await client.get("/api/v1/query?query=1")))[:2] == (503, "unavailable")
    assert (await error_of(await client.get("/api/v1/nope")))[:2] == (503, "unavailable")
    codes = {path: (await client.get(path)).status for path in ("/-/healthy", "/-/ready", "/metrics")}
    assert codes == {"/-/healthy": 200, "/-/ready": 503, "/metrics": 200}
    view.ready, view.stopping = True, True
    answer = await client.get("/-/ready")
    assert (answer.status, answer.headers["X-Prometheus-Stopping"]) == (200, "true")


@pytest.mark.parametrize("error", [RuntimeError("no disk"), SystemExit("bye"), None], ids=["raises", "exits", "None"])
async def test_a_plugins_route_that_fails_is_named_and_hurts_nobody(
    view: FakeView, start: Any, caplog: pytest.LogCaptureFixture, error: BaseException | None
) -> None:
    async def handle(_request: web.Request, _server: Any) -> Any:
        if error is not None:
            raise error

    client = await start(with_route(view, handle))
    for _ in range(3):
        answer = await client.get("/acme")
        text = await answer.text()
        assert answer.status == 500
        assert "GET /acme of" in text
        assert "acme-narthex 1.2.3" in text
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message for record in failures] == ["A plugin's web route failed"]
    assert (await client.get("/-/healthy")).status == 200


async def test_a_plugins_route_that_is_not_async_is_told_so(view: FakeView, start: Any) -> None:
    client = await start(with_route(view, lambda _request, _server: web.Response(text="at once")))
    text = await (await client.get("/acme")).text()
    assert "acme-narthex 1.2.3" in text
    assert "its handle is not async; write async def handle(request, server)" in text


async def test_a_plugins_route_sees_the_server_and_may_redirect(view: FakeView, start: Any) -> None:
    async def handle(request: web.Request, server: FakeView) -> web.Response:
        if "away" in request.query:
            raise web.HTTPFound("/-/healthy")
        return web.Response(text=server.config_yaml())

    client = await start(with_route(view, handle))
    assert await (await client.get("/acme")).text() == "global: {}\n"
    assert await (await client.get("/acme?away")).text() == "Narthex is Healthy.\n"


async def test_a_plugins_api_path_answers_with_the_envelope(view: FakeView, start: Any) -> None:
    async def handle(_request: web.Request, _server: Any) -> web.Response:
        raise KeyError("x")

    client = await start(with_route(view, handle, "/api/v1/acme"))
    assert (await error_of(await client.get("/api/v1/acme")))[:2] == (500, "internal")


async def test_a_route_that_cannot_be_served_is_left_out(
    view: FakeView, start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = await start(with_route(view, None, "/acme/{"))
    assert (await client.get("/-/healthy")).status == 200
    (record,) = [one for one in caplog.records if one.message == "A plugin's web route was left out"]
    assert record.distribution == "acme-narthex"


async def test_requests_are_counted_by_handler_and_code(view: FakeView, client: TestClient) -> None:
    for path in ("/api/v1/query?query=1", "/api/v1/query?query=(", "/api/v1/label/a/values", "/nope", "/nope/2"):
        await client.get(path)
    counts = {
        (handler, code): view.registry.get_sample_value(
            "prometheus_http_requests_total", {"handler": handler, "code": code}
        )
        for handler, code in (
            ("/api/v1/query", "200"),
            ("/api/v1/query", "400"),
            ("/api/v1/label/{name}/values", "200"),
            ("none", "404"),
        )
    }
    assert counts == {**dict.fromkeys(counts, 1.0), ("none", "404"): 2.0}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
    ],
)
async def test_own_metrics_come_in_the_format_asked_for(client: TestClient, accept: str, expected: str) -> None:
    await client.get("/-/healthy")
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.content_type == expected
    text = await answer.text()
    assert 'prometheus_http_requests_total{code="200",handler="/-/healthy"} 1.0' in text
    assert text.rstrip().endswith("# EOF") == (expected != "text/plain")


async def test_reload_and_quit_are_for_those_who_may(view: FakeView, client: TestClient) -> None:
    assert (await client.get("/-/reload")).status == 405
    assert (await client.post("/-/reload")).status == 200
    assert (await client.put("/-/reload")).status == 200
    view.reload_error = "line 3 is wrong"
    answer = await client.post("/-/reload")
    assert (answer.status, await answer.text()) == (500, "failed to reload config: line 3 is wrong\n")
    assert view.reloads == 3
    assert (await client.post("/-/quit")).status == 200
    assert view.quits == 1
    view.lifecycle = False
    assert [(await client.post(path)).status for path in ("/-/reload", "/-/quit")] == [403, 403]
    assert (view.reloads, view.quits) == (3, 1)


async def test_a_client_that_goes_away_does_not_break_off_a_reload(view: FakeView, start: Any) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def reload() -> None:
        begun.set()
        await asyncio.sleep(0.05)
        ended.set()

    view.reload = reload
    client = await start(view)
    request = asyncio.create_task(client.post("/-/reload"))
    await begun.wait()
    request.cancel()
    await asyncio.wait_for(ended.wait(), PATIENCE)


async def test_everything_lies_below_the_path_of_the_external_url(view: FakeView, start: Any) -> None:
    view.external_url = "https://example.org/team/metrics"
    client = await start(with_route(view, lambda *_: asyncio.sleep(0, web.Response(text="page")), "/"))
    assert await (await client.get("/")).text() == "page"
    assert (await client.get("/team/metrics/api/v1/query?query=1")).status == 200
    assert (await error_of(await client.get("/team/metrics/api/v1/nope")))[:2] == (404, "not_found")
    assert (await client.get("/api/v1/query?query=1")).status == 404


async def test_text_that_is_not_utf8_becomes_readable(client: TestClient) -> None:
    answer = await client.get("/api/v1/query", params={"query": r'"a\xff"', "time": "0"})
    assert (await answer.json())["data"] == {"resultType": "string", "result": [0, "a\ufffd"]}
