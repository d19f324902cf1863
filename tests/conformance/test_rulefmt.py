"""Rule files as Prometheus accepts and refuses them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.cases import ROOT, params

from narthex.config.rules import parse_rule_file
from narthex.errors import ConfigError, ParseError, TemplateError
from narthex.gotemplate.functions import for_parsing
from narthex.gotemplate.template import Template
from narthex.promql.parser import parse


def expr_problem(text: str) -> str | None:
    try:
        parse(text)
    except ParseError as error:
        return str(error)
    return None


VARIABLES = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)


def template_problem(text: str) -> str | None:
    try:
        Template(VARIABLES + text, "rule", for_parsing())
    except TemplateError as error:
        return str(error)
    return None


def loaded(case: dict[str, Any]) -> Any:
    text = case["text"] if "text" in case else (ROOT / "rules/rulefmt" / case["file"]).read_bytes()
    legacy = case["name_validation_scheme"] == "legacy"
    return parse_rule_file(
        text, case.get("file", "text"), check_expr=expr_problem, check_template=template_problem, legacy=legacy
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
