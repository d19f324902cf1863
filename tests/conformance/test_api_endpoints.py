"""The ``api`` suite's endpoints: the suite's data in a storage, its rules, targets and metadata, asked over HTTP."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from tests.conformance.cases import params, suite_files
from tests.core.web.fakeview import FakeView
from yarl import URL

from narthex.config.relabel import RelabelConfig
from narthex.config.rulefile import RuleConfig, RuleFile, RuleGroupConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.model.target import Target
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.promql.engine import Engine
from narthex.promql.testlang.loading import load_into
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.script import Load
from narthex.rules.definition import definitions
from narthex.rules.group import Group, Services
from narthex.rules.metrics import RuleMetrics
from narthex.rules.options import RuleOptions
from narthex.scrape.status import PoolStatus, TargetStatus
from narthex.server.jobs import compile_job, relabel_steps
from narthex.storage.exemplars import StoredExemplar
from narthex.targets import DroppedTarget, scrape_url
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage
from narthex.web.app import make_app
from narthex_plugins.relabel_actions import narthex_relabel_actions

# The suite's mock of an Alertmanager and of a job with relabel rules; the suite states only the answers about them.
ALERTMANAGERS = (
    ["http://alertmanager.example.com:8080/api/v1/alerts"],
    ["http://dropped.alertmanager.example.com:8080/api/v1/alerts"],
)
SWITCHES = {
    "__always_scrape_classic_histograms__": "false",
    "__convert_classic_histograms_to_nhcb__": "false",
    "__scrape_native_histograms__": "false",
}
# Of rules and alerts. ``keepFiringFor`` is left out of the suite's answers where it is 0.
NOT_COMPARED = {"evaluationTime", "lastEvaluation", "health", "lastError", "activeAt", "keepFiringFor"}
ORIGIN = Origin("relabel", "narthex", "0")


def setup() -> dict[str, Any]:
    (path,) = suite_files("api/endpoints.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["setup"]
    return found


def loaded(text: str) -> MemoryStorage:
    storage = MemoryStorage()
    for command in read_script(text).commands:
        assert isinstance(command, Load)
        load_into(storage, command)
    return storage


async def groups_of(given: list[dict[str, Any]]) -> list[Any]:
    """The groups, evaluated once, now, over an empty storage.

    Upstream evaluates the first only, but its second group holds the very rule object that the first has evaluated, so
    that rule's state is known. Times of groups are not compared.
    """
    engine = Engine(MemoryStorage())
    with ThreadPoolExecutor(1) as executor:
        services = Services(
            MemoryStorage(), engine.parse, engine.instant, lambda alerts: None, FakeClock(time.time()), executor,
            RuleMetrics(CollectorRegistry()),
        )  # fmt: skip
        files: dict[str, RuleFile] = {}
        for group in given:
            before = files.get(group["file"], RuleFile(groups=())).groups
            files[group["file"]] = RuleFile(groups=(*before, group_config(group)))
        groups = [Group(one, services, restored=True) for one in definitions(files, RuleOptions())]
        for group in groups:
            await group.evaluate(int(time.time() * 1000))
        return [group.status() for group in groups]


def group_config(group: dict[str, Any]) -> RuleGroupConfig:
    rules = [
        RuleConfig(
            record=rule.get("record", ""),
            alert=rule.get("alert", ""),
            expr=rule["expr"],
            for_=Duration.parse(rule.get("for", "0s")),
            labels=rule.get("labels", {}),
        )
        for rule in group["rules"]
    ]
    return RuleGroupConfig(name=group["name"], interval=Duration.parse(group["interval"]), rules=tuple(rules))


def target_of(given: dict[str, Any], metadata: dict[str, dict[str, FamilyMetadata]]) -> TargetStatus:
    """An active target as the suite's mock makes it: discovered labels hold defaults and parameters only."""
    labels = given["labels"]
    defaults = {"__scrape_interval__": "0s", "__scrape_timeout__": "0s", **SWITCHES}
    given_params = given.get("params", {})
    target = Target(
        given["pool"],
        Labels(labels),
        scrape_url(labels, given_params),
        Labels({**defaults, **{f"__param_{name}": values[0] for name, values in given_params.items()}}),
        Labels({name: value for name, value in labels.items() if not name.startswith("__")}),
        int(Duration.parse(labels["__scrape_interval__"])),
        int(Duration.parse(labels["__scrape_timeout__"])),
    )
    return TargetStatus(
        target,
        given["health"],
        given.get("last_error", ""),
        int(time.time() * 1000),
        given["last_scrape_duration_s"],
        metadata.get(given["pool"]),
    )


def pools_of(given: list[dict[str, Any]], metadata: dict[str, dict[str, FamilyMetadata]]) -> dict[str, PoolStatus]:
    pools = {}
    for name in {one["pool"] for one in given}:
        mine = [one for one in given if one["pool"] == name]
        active = [target_of(one, metadata) for one in mine if not one.get("dropped")]
        dropped = [
            DroppedTarget(name, Labels({**one["discovered_labels"], **SWITCHES}), 0)
            for one in mine
            if one.get("dropped")
        ]
        pools[name] = PoolStatus(name, active, dropped, len(dropped))
    return pools


def families(given: list[dict[str, Any]]) -> dict[str, dict[str, FamilyMetadata]]:
    """Metadata by target. Where one target says two things of a family, the first counts: we keep one."""
    found: dict[str, dict[str, FamilyMetadata]] = {}
    for target in given:
        for one in target["metadata"]:
            said = FamilyMetadata(one["Type"], one["Help"], one["Unit"])
            found.setdefault(target["identifier"], {}).setdefault(one["MetricFamily"], said)
    return found


class SuiteView(FakeView):
    """Relabel steps as the server computes them, of the rules that the case's answer repeats."""

    rules: tuple[RelabelConfig, ...] = ()

    def relabel_steps(self, pool: str, labels: Any) -> Any:
        catalog = Catalog(relabel={kind.name: Contribution(kind, ORIGIN) for kind in narthex_relabel_actions()})
        return relabel_steps(compile_job(ScrapeConfig(pool, relabel_configs=self.rules), catalog), labels)


def rules_of(case: dict[str, Any]) -> tuple[RelabelConfig, ...]:
    data = case.get("data")
    rules = [step["rule"] for step in data.get("steps", [])] if isinstance(data, dict) else []
    return tuple(RelabelConfig(**{**rule, "source_labels": tuple(rule.get("source_labels", ()))}) for rule in rules)


def url_of(case: dict[str, Any]) -> URL:
    path = case["path"]
    for name, value in case.get("path_params", {}).items():
        raw = base64.b64decode(value["$bytes_b64"]) if isinstance(value, dict) else value.encode()
        path = path.replace(f"{{{name}}}", quote(raw, safe=""))
    query = urlencode([(name, value) for name, values in case["query"].items() for value in values])
    return URL(f"{path}?{query}", encoded=True)


def comparable(value: Any, *, unordered: bool) -> Any:
    """Without what the suite does not compare, and without counts of nothing, which its mock does not have."""
    if isinstance(value, dict):
        return {
            name: {pool: count for pool, count in one.items() if count}
            if name == "droppedTargetCounts"
            else comparable(one, unordered=unordered)
            for name, one in value.items()
            if "scrapeUrl" in value or name not in NOT_COMPARED
        }
    if isinstance(value, list):
        found = [comparable(one, unordered=unordered) for one in value]
        return sorted(found, key=json.dumps) if unordered else found
    return value


def expected(case: dict[str, Any]) -> Any:
    data = json.loads(
        # An artefact of upstream's mock, whose external URL has no port; our answers are not derived from it.
        json.dumps(case["data"]).replace("failed: missing port in address", "failed")
    )
    return comparable(data, unordered=bool(case.get("unordered")))


@pytest.mark.parametrize("case", params("api/endpoints.json"))
async def test_an_endpoint_answers_as_prometheus_does(case: dict[str, Any]) -> None:
    given = setup()
    view = SuiteView(loaded(given["tsdb"]["load"]))
    for one in given["tsdb"]["exemplars"]:
        exemplar = StoredExemplar(Labels(one["labels"]), one["value"], one["timestamp_ms"])
        assert view.exemplars.add(Labels(one["series"]), exemplar)
    view.groups = await groups_of(given["rules"]["groups"])
    view.found_pools = pools_of(given["targets"], families(case.get("metadata", [])))
    view.found_alertmanagers = ALERTMANAGERS
    view.rules = rules_of(case)
    async with TestClient(TestServer(make_app(view), host="127.0.0.1")) as client:
        methods = ["get", "post"] if case["path"].rpartition("/")[2] in POSTED else ["get"]
        for method in methods:
            check(case, await ask(client, method, case))


POSTED = {"query", "query_range", "query_exemplars", "format_query", "series", "labels"}


async def ask(client: TestClient, method: str, case: dict[str, Any]) -> Any:
    url = url_of(case)
    if method == "post":
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post(URL(url.raw_path, encoded=True), data=url.raw_query_string, headers=headers)
    else:
        answer = await client.get(url)
    return await answer.json()


def check(case: dict[str, Any], answer: Any) -> None:
    if case["error_type"]:
        assert (answer["status"], answer["errorType"]) == ("error", case["error_type"])
        return
    assert answer["status"] == "success", answer
    assert len(answer.get("warnings", [])) == case["warnings"]
    data = answer["data"]
    if "data_length" in case:
        assert len(data) == case["data_length"]
        if "metadata_total" in case:
            assert Counter(map(len, data.values())).total() == case["metadata_total"]
    else:
        told = comparable(data, unordered=bool(case.get("unordered")))
        assert without_times(told) == without_times(expected(case))


def without_times(value: Any) -> Any:
    """``lastScrape`` is the moment of the test."""
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name != "lastScrape"}
    return [without_times(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", params("api/parse_query_ast.json"))
async def test_an_expression_becomes_the_tree_that_prometheus_shows(case: dict[str, Any]) -> None:
    async with TestClient(TestServer(make_app(FakeView()), host="127.0.0.1")) as client:
        answer = await (await client.get("/api/v1/parse_query", params={"query": case["query"]})).json()
    assert answer["status"] == "success", answer
    root = answer["data"]
    assert root["type"] == case["type"]
    assert {name: root[name] for name in case["fields"]} == case["fields"]
