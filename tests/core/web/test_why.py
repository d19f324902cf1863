from __future__ import annotations

import pytest

from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.explain.why import JobEvidence
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import Rules


@pytest.fixture
def node(view):
    job = ScrapeConfig("node", Duration(15_000), Duration(10_000))
    groups = [SourcedGroup("file/0", TargetGroup("a.json:0", ({"__address__": "h:1"},)))]
    view.evidence.append(JobEvidence(job, Rules(), groups))


async def test_a_target_is_explained(client, node):
    answer = await client.get("/api/v1/why/target?target=h:1")
    data = (await answer.json())["data"]
    assert data["state"] == "active"
    assert [(one["scrapePool"], one["source"]) for one in data["findings"]] == [("node", "a.json:0")]


async def test_an_unknown_target_is_an_answer_too(client, node):
    data = (await (await client.get("/api/v1/why/target?target=h:2&scrapePool=node")).json())["data"]
    assert (data["state"], data["findings"], data["discoverers"]) == ("not discovered", [], [])
    assert data["similar"] == ["h:1"]


@pytest.mark.parametrize(
    ("query", "error"), [("", 'invalid parameter "target"'), ("target=h&scrapePool=x", "unknown scrape pool 'x'")]
)
async def test_wrong_parameters_are_named(client, node, query, error):
    answer = await client.get(f"/api/v1/why/target?{query}")
    assert answer.status == 400
    assert error in (await answer.json())["error"]


async def test_duplicates_are_told_with_both_origins(client, view, node):
    second = SourcedGroup("file/0", TargetGroup("b.json:0", ({"__address__": "h:1"},)))
    view.evidence[0] = JobEvidence(view.evidence[0].config, Rules(), [*view.evidence[0].groups, second])
    data = (await (await client.get("/api/v1/targets/duplicates?limit=5")).json())["data"]
    assert [(one["scrapeUrl"], one["origins"]) for one in data["duplicates"]] == [
        ("http://h:1/metrics", ["file/0 a.json:0", "file/0 b.json:0"])
    ]
    other = await client.get("/api/v1/targets/duplicates?scrapePool=other")
    assert (await other.json())["data"] == {"duplicates": []}
