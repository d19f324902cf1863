from __future__ import annotations

import json

import pytest

from narthex_plugins.standard import shipped

CONFIG = """
scrape_configs:
- job_name: node
  relabel_configs:
  - {source_labels: [__meta_env], target_label: env}
  - {source_labels: [env], regex: test, action: drop}
  metric_relabel_configs:
  - {action: labeldrop, regex: pod}
alerting:
  alert_relabel_configs:
  - {source_labels: [severity], regex: info, action: drop}
"""


@pytest.fixture
def relabel(narthex, tmp_path):
    file = tmp_path / "p.yml"
    file.write_text(CONFIG)
    return lambda *arguments: narthex("relabel", "--config.file", file, *arguments, shipped=shipped())


def test_each_rule_is_shown_with_what_it_changed(relabel):
    outcome = relabel("--job=node", "--labels=__address__=a:1,__meta_env=prod")
    assert outcome.status == 0
    assert outcome.out.partition("relabel_configs[0]\n")[2] == (
        '  replace {source_labels: ["__meta_env"], target_label: "env"}\n  + env="prod"\n'
        'relabel_configs[1]\n  drop {source_labels: ["env"], regex: "test"}\n  no change\n'
        'Result\n  kept\n  http://a:1/metrics\n  env="prod"\n  instance="a:1"\n  job="node"\n'
    )


def test_a_dropped_target_is_told_with_its_rule(relabel):
    outcome = relabel("--job=node", '--labels-json={"__address__": "a:1", "__meta_env": "test"}')
    assert (outcome.status, outcome.out.splitlines()[-3:]) == (
        0,
        ["  dropped", "Result", "  dropped by relabel_configs[1]"],
    )


def test_metric_rules_take_a_series_as_it_is_written(relabel):
    outcome = relabel("--job=node", "--stage=metric", "--labels", 'up{pod="a,b",x="y"}', "--json")
    assert json.loads(outcome.out)["output"] == {"__name__": "up", "x": "y"}


def test_alert_rules_need_no_job(relabel):
    outcome = relabel("--stage=alert", "--labels=alertname=A,severity=info", "--json")
    assert json.loads(outcome.out)["reason"] == "dropped by alert_relabel_configs[0]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--job=node"], "give either --labels or --labels-json"),
        (["--labels=a=b"], "--job is needed for stage target"),
        (["--job=nod", "--labels=a=b"], "no job is named 'nod'; did you mean 'node'?"),
        (["--job=node", "--labels=a"], "'a' is not name=value"),
        (["--job=node", '--labels=up{a=~"b"}'], "is not a series such as"),
        (["--job=node", "--labels-json=[]"], "expected a JSON object of texts"),
    ],
)
def test_wrong_usage_says_what_is_right(relabel, arguments, message):
    outcome = relabel(*arguments)
    assert outcome.status == 2
    assert message in outcome.err
