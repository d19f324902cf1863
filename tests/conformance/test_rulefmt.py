"""Rule files as Prometheus accepts and refuses them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.cases import ROOT, params

from narthex.config.rules import parse_rule_file
from narthex.errors import ConfigError
from narthex.rules.expansion import check_template
from narthex.rules.files import check_expression


def loaded(case: dict[str, Any]) -> Any:
    text = case["text"] if "text" in case else (ROOT / "rules/rulefmt" / case["file"]).read_bytes()
    legacy = case["name_validation_scheme"] == "legacy"
    return parse_rule_file(
        text, case.get("file", "text"), check_expr=check_expression, check_template=check_template, legacy=legacy
    )


@pytest.mark.parametrize("case", params("rules/rulefmt/cases.json"))
def test_rule_files(case):
    if not case["valid"]:
        with pytest.raises(ConfigError) as caught:
            loaded(case)
        assert all(problem.line for problem in caught.value.problems)
        return
    for group in loaded(case).groups if "expect_every_group_rules" in case else ():
        for rule, expected in zip(group.rules, case["expect_every_group_rules"], strict=True):
            assert rule.expr == expected["expr"]
            assert (rule.record, rule.alert) == (expected.get("record", ""), expected.get("alert", ""))
            assert expected.get("labels", {}).items() <= rule.labels.items()
            assert expected.get("annotations", {}).items() <= rule.annotations.items()
