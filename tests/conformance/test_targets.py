"""From discovered labels to targets as Prometheus does it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.conformance.cases import decoded, params

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules
from narthex.targets import TargetSet, scrape_url, targets
from narthex_plugins.relabel_actions import ACTIONS

CATALOG = Catalog(relabel={one.name: Contribution(one, Origin("relabel", "narthex", "test")) for one in ACTIONS})


def text_of(labels: dict[str, Any]) -> dict[str, str]:
    """Labels whose bytes need not be UTF-8, as discovery would hold them."""
    return {
        name: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        for name, value in decoded(labels).items()
    }


def run(config: dict[str, Any], found: list[dict[str, str]]) -> TargetSet:
    fields = {name: value for name, value in config.items() if name not in {"relabel_configs", "static_configs"}}
    for name in ("scrape_interval", "scrape_timeout"):
        fields[name] = Duration.parse(fields[name])
    rules = [
        RelabelConfig(
            **{
                **one,
                "source_labels": tuple(one.get("source_labels", ())),
                "action": ActionName.parse(one.get("action", "replace")),
            }
        )
        for one in config.get("relabel_configs", ())
    ]
    groups = [SourcedGroup("static/0", TargetGroup("", tuple(found)))]
    return targets(ScrapeConfig(**fields), groups, compile_rules(rules, CATALOG))


@pytest.mark.parametrize("case", params("scrape/populate_labels.json"))
def test_labels_are_populated_as_in_prometheus(case):
    result = run(case["scrape_config"], [text_of(case["discovered"])])
    if not case["valid"]:
        assert [one.error for one in result.failed] == [case["error"]]
        assert not result.active
        return
    assert not result.failed
    found = [*result.active, *result.dropped]
    assert [dict(one.discovered) for one in found] == [case["expected_discovered_labels"]]
    assert [dict(one.labels) for one in result.active] == ([case["expected"]] if case["expected"] else [])


@pytest.mark.parametrize("case", params("scrape/targets_from_group.json"))
def test_a_group_gives_active_targets_and_errors(case):
    job = yaml.safe_load(case["config"])["scrape_configs"][0]
    result = run({"scrape_interval": "1m", "scrape_timeout": "10s", **job}, case["targets"])
    assert len(result.active) == case["active"]
    assert [str(one) for one in result.failed] == case["errors"]


@pytest.mark.parametrize("case", params("scrape/target_url.json"))
def test_labels_and_params_give_the_url(case):
    if "url" in case:
        assert scrape_url(case["labels"], case["params"]) == case["url"]
        return
    config = {"job_name": "job", "scrape_interval": "1m", "scrape_timeout": "10s", "params": case["params"]}
    (target,) = run(config, [case["labels"]]).active
    assert {**case["target_labels"], "instance": target.public["instance"]} == dict(target.public)
