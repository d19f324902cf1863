"""A plan holds everything compiled; whatever is wrong shows before anything changes."""

from __future__ import annotations

from typing import Any

import pytest

from narthex.errors import ConfigError

RULE = "groups: [{{name: g, rules: [{{record: a, expr: '{}'}}]}}]\n"


def test_a_plan_holds_jobs_rules_blocks_and_labels(site: Any) -> None:
    site.write(RULE.format("up"), "one.yml")
    site.write("""
        global: {evaluation_interval: 7s, external_labels: {region: here}}
        rule_files: ["*one.yml"]
        alerting:
          alert_relabel_configs: [{regex: a, action: labeldrop}]
          alertmanagers: [{static_configs: [{targets: [a:1]}]}]
        scrape_configs:
          - job_name: node
            relabel_configs: [{target_label: x, replacement: y}]
            metric_relabel_configs: [{regex: b, action: labeldrop}, {regex: c, action: labeldrop}]
        """)
    plan = site.plan()
    (job,) = plan.jobs
    assert (job.config.job_name, len(job.rules), len(job.metric_rules)) == ("node", 1, 2)
    assert [path.rpartition("/")[2] for path in plan.rule_files] == ["one.yml"]
    assert (len(plan.blocks), len(plan.alert_rules)) == (1, 1)
    assert dict(plan.external_labels) == {"region": "here"}
    assert plan.rule_options.evaluation_interval == 7000


def test_all_problems_of_the_configuration_are_told_at_once(site: Any) -> None:
    site.write("""
        global: {scrape_interval: soon}
        scrape_configs:
          - {job_name: a, colour: blue}
          - {job_name: b, relabel_configs: [{action: paint}]}
        """)
    with pytest.raises(ConfigError) as caught:
        site.plan()
    assert [problem.line for problem in caught.value.problems] == [2, 4, 5]


def test_all_problems_of_all_rule_files_are_told_at_once(site: Any) -> None:
    site.write(RULE.format("sum("), "one.yml")
    site.write(RULE.format("rate(up)"), "two.yml")
    site.write("rule_files: [one.yml, two.yml]\n")
    with pytest.raises(ConfigError) as caught:
        site.plan()
    assert [problem.file.rpartition("/")[2] for problem in caught.value.problems] == ["one.yml", "two.yml"]


def test_a_missing_file_is_an_error_of_the_configuration(site: Any) -> None:
    with pytest.raises(ConfigError, match=r"prometheus\.yml"):
        site.plan()
