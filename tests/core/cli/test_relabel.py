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


REMOTES = """
global: {external_labels: {region: "${REGION}", env: prod}}
remote_write:
- {url: "http://a/write", write_relabel_configs: [{regex: env, action: labeldrop}]}
- url: "http://b/write"
  name: long-term
  write_relabel_configs: [{source_labels: [__name__], regex: up, action: drop}]
"""


@pytest.fixture
def write_stage(narthex, tmp_path, monkeypatch):
    monkeypatch.setenv("REGION", "here")
    file = tmp_path / "p.yml"
    file.write_text(REMOTES)
    return lambda *arguments: narthex("relabel", "--stage=write", "--config.file", file, *arguments, shipped=shipped())


def test_write_rules_see_the_external_labels_and_nothing_is_said_to_be_written(write_stage):
    outcome = write_stage("--remote=0", "--labels", 'up{job="node",env="test"}')
    assert outcome.status == 0
    assert 'write_relabel_configs[0]\n  labeldrop {regex: "env"}\n  - env="test"\n' in outcome.out
    assert 'region="here"' in outcome.out
    assert "nothing is written" in outcome.out


def test_a_remote_write_section_is_chosen_by_name_url_or_number(write_stage):
    for remote in ("long-term", "http://b/write", "1"):
        outcome = write_stage(f"--remote={remote}", "--labels=up{}", "--json")
        assert json.loads(outcome.out)["reason"] == "dropped by write_relabel_configs[0]"
    outcome = write_stage("--labels=up{}")
    assert outcome.status == 2
    assert "there are: http://a/write, long-term" in outcome.err


@pytest.mark.parametrize(
    "text", ["[{regex: env, action: labeldrop}]", "write_relabel_configs: [{regex: env, action: labeldrop}]"]
)
def test_write_rules_may_stand_in_a_file_of_their_own(write_stage, tmp_path, text):
    (tmp_path / "rules.yml").write_text(text)
    outcome = write_stage("--rules", tmp_path / "rules.yml", "--labels=up{env='x'}", "--json")
    assert json.loads(outcome.out)["output"] == {"__name__": "up"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{action: paint}]", "unknown relabel action 'paint'"),
        ("a: 1", "expected a list of rules"),
        ("[{regex: '('}]", "[0].regex"),
    ],
)
def test_bad_write_rules_are_told_with_their_place(write_stage, tmp_path, text, message):
    (tmp_path / "rules.yml").write_text(text)
    outcome = write_stage("--rules", tmp_path / "rules.yml", "--labels=up{}")
    assert outcome.status == 1
    assert message in outcome.err


def test_remotes_are_for_writes_only(relabel):
    outcome = relabel("--job=node", "--labels=a=b", "--remote=x")
    assert (outcome.status, "for stage write only" in outcome.err) == (2, True)
