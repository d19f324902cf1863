"""Relabeling as Prometheus does it: application of rules and validation of single rules."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.cases import params

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules
from narthex_plugins.relabel_actions import ACTIONS

CATALOG = Catalog(relabel={one.name: Contribution(one, Origin("relabel", "narthex", "test")) for one in ACTIONS})


def rule_of(fields: dict[str, Any]) -> RelabelConfig:
    typed = dict(fields)
    if "source_labels" in typed:
        typed["source_labels"] = tuple(typed["source_labels"])
    if "action" in typed:
        typed["action"] = ActionName.parse(typed["action"])
    return RelabelConfig(**typed)


@pytest.mark.parametrize("case", params("relabel/*.json", kind="apply"))
def test_rules_give_the_labels_that_prometheus_gives(case):
    rules = compile_rules([rule_of(one) for one in case["relabel_configs"]], CATALOG)
    labels = {name: value for name, value in sorted(case["input"].items()) if value}
    assert rules.apply(labels) == case["expected"]


@pytest.mark.parametrize("case", params("relabel/*.json", kind="validate"))
def test_a_rule_is_refused_where_prometheus_refuses_it(case):
    # "the fields are taken as given, NO defaults are filled in": absent is the type's zero value
    zero = {"separator": "", "replacement": "", "action": ""}
    legacy = case["name_validation_scheme"] == "legacy"
    found = problems({**zero, **case["relabel_config"]}, legacy=legacy)
    assert (not found) is case["valid"]
    if not case["valid"]:
        assert any(case["error_contains"] in message for message in found)


@pytest.mark.parametrize("case", params("relabel/*.json", kind="legacy_target_label"))
def test_target_labels_under_the_legacy_scheme(case):
    found = problems({"action": "replace", "target_label": case["target_label"]}, legacy=True)
    assert (not found) is case["valid"]


def problems(fields: dict[str, Any], *, legacy: bool) -> list[str]:
    try:
        rule = rule_of(fields)
    except ValueError as error:
        return [str(error)]
    return [message for _, message in CATALOG.relabel[rule.action].kind.check(rule, legacy)]
