"""Queries over HTTP: limits, timeouts, cancellation, forms, and what Grafana asks."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient
from tests.core.web.fakeview import FakeView
from tests.waiting import until

from narthex.model.labels import Labels
from narthex.promql.engine import Limits
from narthex.promql.engine.query import Steps
from narthex.promql.testlang.loading import load_into
from narthex.promql.testlang.reader import read_script
from narthex.promql.value import QueryResult, Scalar
from narthex.storage.protocol import Batch
from narthex.testing.storage import MemoryStorage
from narthex.web.view import QueryLimits

TYPES = "must be Scalar or instant Vector"
ADVICE = "Try decreasing the query resolution (?step=XX)"


def store(view: FakeView) -> None:
    """``up`` of three instances, 1 every 10 s over a minute; ``temperature{room="ü"}`` beside."""
    storage = view.storage
    assert isinstance(storage, MemoryStorage)
    names = [Labels({"__name__": "up", "job": "node", "instance": one}) for one in ("a", "b", "c")]
    names.append(Labels({"__name__": "temperature", "room": "ü"}))
    lane = storage.open_lane(10_000, 0)
    lane.extend(storage.register(names))
    for step in range(7):
        storage.append(Batch(lane, step * 10_000, np.array([1.0, 1.0, 0.0, 20.5 + step])))


@pytest.fixture
def loaded(view: FakeView) -> FakeView:
    store(view)
    return view


async def data(client: TestClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    body = await answer.json()
    assert body["status"] == "success", body
    return body["data"]


class Slow:
    """An engine whose every query lasts until it is told to stop, as the real one does at its next check."""

    def __init__(self) -> None:
        self.limits: list[Limits] = []
        self.stopped = threading.Event()
        self.release = threading.Event()

    def is_small(self, text: str, steps: Steps) -> bool:
        return text == "small"

    def evaluate(self, text: str, steps: Steps, *, limits: Limits, lookback: int | None) -> QueryResult:
        self.limits.append(limits)
        if text != "small":
            while not limits.cancelled() and not self.release.wait(0.01):
                pass
            if limits.cancelled():
                self.stopped.set()
        return QueryResult(Scalar(1.0, steps.start))


async def test_a_query_stops_when_its_client_goes_away(view: FakeView, client: TestClient) -> None:
    slow = Slow()
    view.engine = slow
    request = asyncio.create_task(client.get("/api/v1/query?query=1"))
    await until(lambda: slow.limits)
    request.cancel()
    await until(slow.stopped.is_set)


async def test_a_query_that_takes_too_long_times_out_and_stops(view: FakeView, client: TestClient) -> None:
    slow = Slow()
    view.engine = slow
    answer = await client.get("/api/v1/query?query=1&timeout=50ms")
    body = await answer.json()
    assert (answer.status, body["errorType"]) == (503, "timeout")
    await until(slow.stopped.is_set)


async def test_waiting_for_a_thread_counts_against_the_timeout(view: FakeView, client: TestClient) -> None:
    slow = Slow()
    view.engine = slow
    busy = [asyncio.create_task(client.get("/api/v1/query?query=1")) for _ in range(2)]
    await until(lambda: len(slow.limits) == 2)
    answer = await client.get("/api/v1/query?query=1&timeout=50ms")
    assert answer.status == 503
    assert len(slow.limits) == 2  # it never began
    slow.release.set()
    assert [(await one).status for one in busy] == [200, 200]


async def test_a_small_query_needs_no_thread(view: FakeView, client: TestClient) -> None:
    slow = Slow()
    view.engine = slow
    busy = [asyncio.create_task(client.get("/api/v1/query?query=1")) for _ in range(2)]
    await until(lambda: len(slow.limits) == 2)
    assert (await client.get("/api/v1/query?query=small")).status == 200
    slow.release.set()
    assert [(await one).status for one in busy] == [200, 200]


async def test_a_request_may_shorten_the_servers_timeout_but_not_extend_it(view: FakeView, client: TestClient) -> None:
    slow = Slow()
    slow.release.set()
    view.engine, view.query_limits = slow, QueryLimits(timeout=30, max_samples=7)
    now = view.clock.monotonic()
    for timeout in ("5s", "1h"):
        assert (await client.get("/api/v1/query", params={"query": "1", "timeout": timeout})).status == 200
    assert [round((one.deadline or 0) - now) for one in slow.limits] == [5, 30]
    assert {one.max_samples for one in slow.limits} == {7}


async def test_too_many_samples_are_an_execution_error(loaded: FakeView, client: TestClient) -> None:
    loaded.query_limits = QueryLimits(max_samples=3)
    answer = await client.get("/api/v1/query?query=up[1m]&time=60")
    assert (answer.status, (await answer.json())["errorType"]) == (422, "execution")


async def test_forms_may_be_posted_and_go_before_the_url(loaded: FakeView, client: TestClient) -> None:
    answer = await client.post("/api/v1/query?query=broken(&time=60", data={"query": "sum(up)"})
    assert (await answer.json())["data"]["result"] == [{"metric": {}, "value": [60, "2"]}]
    answer = await client.post("/api/v1/series", data=[("match[]", "up"), ("match[]", "temperature")])
    assert len((await answer.json())["data"]) == 4


async def test_a_range_has_a_point_for_every_step(loaded: FakeView, client: TestClient) -> None:
    found = await data(client, "/api/v1/query_range", query='temperature{room="ü"}', start=0, end=60, step="30s")
    (series,) = found["result"]
    assert series["metric"] == {"__name__": "temperature", "room": "ü"}
    assert series["values"] == [[0, "20.5"], [30, "23.5"], [60, "26.5"]]


@pytest.mark.parametrize(("end", "status"), [(11_000, 200), (11_001, 400)])
async def test_a_range_has_at_most_11000_steps(client: TestClient, end: int, status: int) -> None:
    answer = await client.get(f"/api/v1/query_range?query=1&start=0&end={end}&step=1")
    assert answer.status == status


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/query?query=1&time=soon", "time"),
        ("/api/v1/query?query=1&timeout=soon", "timeout"),
        ("/api/v1/query?query=1&lookback_delta=soon", "lookback_delta"),
        ("/api/v1/query?query=1&limit=-1", "limit"),
        ("/api/v1/query_range?query=1&start=0&end=1", "step"),
        ("/api/v1/query_range?query=1&start=0&end=1&step=-1", "step"),
        ("/api/v1/format_query?query=(", "query"),
        ("/api/v1/parse_query?query=", "query"),
        ("/api/v1/query_exemplars?query=up&start=x", "start"),
        ("/api/v1/series?match[]=(", "match[]"),
        ("/api/v1/rules?group_limit=0", "group_limit"),
        ("/api/v1/rules?type=both", "type"),
        ("/api/v1/rules?exclude_alerts=maybe", "exclude_alerts"),
        ("/api/v1/status/tsdb?limit=10001", "limit"),
        ("/api/v1/targets/relabel_steps?scrapePool=a&labels=[]", "labels"),
    ],
)
async def test_a_wrong_parameter_is_named(client: TestClient, path: str, name: str) -> None:
    answer = await client.get(path)
    body = await answer.json()
    assert (answer.status, body["errorType"]) == (400, "bad_data")
    assert f'invalid parameter "{name}"' in body["error"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("query?query=(", 'invalid parameter "query": 1:2: parse error: unclosed left parenthesis'),
        ("query?query=", 'invalid parameter "query": unknown position: parse error: no expression found in input'),
        (
            "query_range?query=(&start=0&end=1&step=1",
            'invalid parameter "query": 1:2: parse error: unclosed left parenthesis',
        ),
        (
            "query_range?query=up[5m]&start=0&end=1&step=1",
            f'invalid parameter "query": invalid expression type "range vector" for range query, {TYPES}',
        ),
        (
            "query_range?query=up&start=0&end=99999&step=1",
            f"exceeded maximum resolution of 11,000 points per timeseries. {ADVICE}",
        ),
        ("query_exemplars?query=(", "1:2: parse error: unclosed left parenthesis"),
        ("query_exemplars?query=up&start=2&end=1", "end timestamp must not be before start timestamp"),
        ("labels?match[]=(", "1:2: parse error: unclosed left parenthesis"),
        ("label/a/values?match[]=(", "1:2: parse error: unclosed left parenthesis"),
        ("metadata?limit=x", "limit must be a number"),
    ],
)
async def test_a_wrong_query_is_bad_data(client: TestClient, path: str, error: str) -> None:
    answer = await client.get(f"/api/v1/{path}")
    assert answer.status == 400
    assert await answer.json() == {"status": "error", "errorType": "bad_data", "error": error}


async def test_of_many_annotations_ten_are_told(view: FakeView, client: TestClient) -> None:
    storage = view.storage
    assert isinstance(storage, MemoryStorage)
    lane = storage.open_lane(10_000, 0)
    lane.extend(storage.register([Labels({"__name__": f"gauge{number}"}) for number in range(13)]))
    for time in (0, 10_000):
        storage.append(Batch(lane, time, np.ones(13)))
    query = " or ".join(f"rate(gauge{number}[1m])" for number in range(13))
    body = await (await client.get("/api/v1/query", params={"query": query, "time": "10"})).json()
    assert len(body["infos"]) == 11
    assert body["infos"][-1] == "3 more info annotations omitted"


@pytest.mark.parametrize("path", ["query?time=10", "query_range?start=0&end=10&step=10"])
async def test_a_limit_keeps_whole_series_of_histograms(view: FakeView, client: TestClient, path: str) -> None:
    load_into(
        view.storage,
        read_script("load 10s\n h{n='0'} {{count:1}}x1\n h{n='1'} {{count:2}}x1\n h{n='2'} 3x1").commands[0],
    )
    body = await (await client.get(f"/api/v1/{path}&query=h&limit=2")).json()
    runs = [one.get("histograms", [one.get("histogram")]) for one in body["data"]["result"]]
    assert [{histogram["count"] for _, histogram in run} for run in runs] == [{"1"}, {"2"}]
    assert body["warnings"] == ["results truncated due to limit"]


async def test_lookback_may_be_set_for_one_query(loaded: FakeView, client: TestClient) -> None:
    assert (await data(client, "/api/v1/query", query="up", time=90, lookback_delta="20s"))["result"] == []
    assert len((await data(client, "/api/v1/query", query="up", time=90, lookback_delta="-1"))["result"]) == 3


async def test_a_tree_too_deep_for_json_is_refused(client: TestClient) -> None:
    answer = await client.get("/api/v1/parse_query", params={"query": "+".join(["up"] * 600)})
    assert (answer.status, (await answer.json())["errorType"]) == (422, "execution")


async def test_a_long_expression_is_laid_out_over_lines(client: TestClient) -> None:
    long = "a" * 60
    assert await data(client, "/api/v1/format_query", query=f"{long}+{long}") == f"  {long}\n+\n  {long}"
    answer = await client.post("/api/v1/format_query", data={"query": "+".join(["up"] * 5_000)})
    assert (await answer.json())["data"] == " + ".join(["up"] * 5_000)


async def test_a_duration_too_deep_to_be_printed_is_refused(client: TestClient) -> None:
    answer = await client.post("/api/v1/format_query", data={"query": f"up[5m{'+1' * 20_000}]"})
    assert (answer.status, (await answer.json())["errorType"]) == (422, "execution")


async def test_what_grafana_asks_is_answered(loaded: FakeView, client: TestClient) -> None:
    """Health check, metric browser, variables, panel, annotations and alert list of its Prometheus data source."""
    assert (await data(client, "/api/v1/status/buildinfo"))["version"].startswith("3.")
    answer = await client.post("/api/v1/query", data={"query": "1+1", "time": "60"})
    assert (await answer.json())["data"] == {"resultType": "scalar", "result": [60, "2"]}
    window = {"start": "0", "end": "60"}
    assert await data(client, "/api/v1/label/__name__/values", **window) == ["temperature", "up"]
    assert await data(client, "/api/v1/label/instance/values", **{"match[]": "up"}, **window) == ["a", "b", "c"]
    assert await data(client, "/api/v1/labels", **{"match[]": "temperature"}) == ["__name__", "room"]
    assert await data(client, "/api/v1/metadata", limit="40000") == {}
    assert await data(client, "/api/v1/query_exemplars", query="up", **window) == []
    assert await data(client, "/api/v1/rules", type="alert") == {"groups": []}
    assert await data(client, "/api/v1/alerts") == {"alerts": []}
    form = {"query": 'sum by (job) (rate(up{instance=~"a|b"}[1m]))', "step": "15", **window}
    answer = await client.post("/api/v1/query_range", data=form)
    (series,) = (await answer.json())["data"]["result"]
    assert series["metric"] == {"job": "node"}


async def test_stats_are_told_when_asked_for(loaded: FakeView, client: TestClient) -> None:
    assert "stats" not in await data(client, "/api/v1/query", query="sum(up)", time=60)
    stats = (await data(client, "/api/v1/query", query="sum(up)", time=60, stats="1"))["stats"]
    assert stats["samples"] == {"totalQueryableSamples": 3, "peakSamples": 3}
    assert set(stats["timings"]) == {
        "evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime", "execQueueTime", "execTotalTime",
    }  # fmt: skip


async def test_all_stats_have_the_samples_of_each_step(loaded: FakeView, client: TestClient) -> None:
    found = await data(
        client, "/api/v1/query_range", query="max_over_time(up[20s])", start=0, end=20, step=10, stats="all"
    )
    assert found["stats"]["samples"]["totalQueryableSamplesPerStep"] == [[0, 3], [10, 6], [20, 6]]
    assert found["stats"]["samples"]["totalQueryableSamples"] == 15


async def test_a_plan_shows_what_every_node_gave(loaded: FakeView, client: TestClient) -> None:
    found = await data(client, "/api/v1/query_explain", query='sum(rate(up[1m])) + temperature{room="ü"}', time=60)
    assert (found["steps"], found["samples"]) == (1, 19)
    plan = found["plan"]
    assert plan["node"] == "+"
    total, temperature = plan["children"]
    assert (total["node"], total["series"], temperature["node"]) == ("sum", 1, 'temperature{room="ü"}')
    (rate,) = total["children"]
    assert (rate["node"], rate["series"]) == ("rate()", 3)
    assert [child["node"] for child in rate["children"]] == ["up[1m]"]
    assert plan["ownSeconds"] <= plan["seconds"]


async def test_a_plan_may_be_of_a_range(loaded: FakeView, client: TestClient) -> None:
    found = await data(client, "/api/v1/query_explain", query="up", start=0, end=60, step=30)
    assert (found["steps"], found["plan"]["samples"]) == (3, 9)
