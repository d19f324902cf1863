from __future__ import annotations

import pytest

from narthex.explain.relabel import Explanation
from narthex.model.labels import Labels


async def test_the_explanation_is_answered_as_it_is(client, view):
    view.explanations["metric", "node"] = Explanation(
        "metric", "node", Labels({"a": "b"}), (), "kept", Labels({"a": "b"})
    )
    answer = await client.get("/api/v1/relabel/explain?scrapePool=node&stage=metric&labels=%7B%22a%22:%22b%22%7D")
    assert (await answer.json())["data"] == {
        "stage": "metric", "scrapePool": "node", "labels": {"a": "b"}, "steps": [], "outcome": "kept", "reason": "",
        "output": {"a": "b"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("stage=x", 'invalid parameter "stage"'),
        ("labels={}", "no scrapePool parameter provided"),
        ("scrapePool=node", "no labels parameter provided"),
        ("scrapePool=node&labels=[]", 'invalid parameter "labels"'),
        ("scrapePool=node&labels={}", "unknown scrape pool 'node'"),
    ],
)
async def test_wrong_parameters_are_named(client, query, error):
    answer = await client.get(f"/api/v1/relabel/explain?{query}")
    assert answer.status == 400
    assert error in (await answer.json())["error"]
