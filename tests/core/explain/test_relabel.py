from __future__ import annotations

import pytest

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.explain.relabel import explain_rules, explain_target, job_defaults, rule_text
from narthex.kinds import RelabelAction
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules

JOB = """
scrape_configs:
- job_name: node
  relabel_configs:
  - {source_labels: [__meta_env], target_label: env}
  - {source_labels: [env], regex: test, action: drop}
  - {source_labels: [__meta_path], regex: (.+), target_label: __metrics_path__}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: go_.*, action: drop}
  - {action: labeldrop, regex: pod}
"""


@pytest.fixture
def explain(config, catalog):
    job = config(JOB).scrape_configs[0]

    def run(labels, stage="target"):
        if stage == "target":
            return explain_target(job, compile_rules(job.relabel_configs, catalog), labels)
        rules = compile_rules(job.metric_relabel_configs, catalog)
        return explain_rules("metric", job.metric_relabel_configs, rules, labels, job="node")

    return run


def test_every_rule_of_a_kept_target_shows_what_it_changed(explain):
    found = explain({"__address__": "a:1", "__meta_env": "prod", "__meta_path": "/m"})
    assert [list(one.diff.lines()) for one in found.rules] == [
        ['+ env="prod"'], [], ['- __metrics_path__="/metrics"', '+ __metrics_path__="/m"']
    ]  # fmt: skip
    assert (found.outcome, found.url) == ("kept", "http://a:1/m")
    assert dict(found.output) == {"env": "prod", "instance": "a:1", "job": "node"}


def test_rules_after_the_one_that_dropped_are_not_reached(explain):
    found = explain({"__address__": "a:1", "__meta_env": "test"})
    assert [one.verdict for one in found.rules] == ["kept", "dropped", "not reached"]
    assert (found.outcome, found.reason, found.output) == ("dropped", "dropped by relabel_configs[1]", None)


def test_a_target_that_cannot_be_scraped_fails_after_all_rules(explain):
    found = explain({"__meta_env": "prod"})
    assert [one.verdict for one in found.rules] == ["kept"] * 3
    assert (found.outcome, found.reason) == ("failed", "no address")


def test_metric_rules_get_the_labels_as_they_are(explain):
    kept = explain({"__name__": "up", "pod": "x"}, "metric")
    assert (kept.given, kept.output) == (kept.rules[0].before, kept.rules[1].after)
    assert dict(kept.output) == {"__name__": "up"}
    dropped = explain({"__name__": "go_gc"}, "metric")
    assert dropped.reason == "dropped by metric_relabel_configs[0]"


def test_labels_that_all_go_are_dropped_too(explain):
    assert explain({"pod": "x"}, "metric").reason == "dropped: no label is left"


def test_an_action_that_raises_fails_at_its_rule():
    def compile_broken(_rule):
        def run(_labels):
            raise ValueError("broken")

        return run

    origin = Origin("p", "narthex", "test")
    catalog = Catalog(relabel={"bad": Contribution(RelabelAction("bad", compile_broken), origin)})
    rules = (RelabelConfig(action=ActionName("bad")), RelabelConfig(action=ActionName("bad")))
    found = explain_rules("alert", rules, compile_rules(rules, catalog), {"a": "b"})
    assert (found.outcome, [one.verdict for one in found.rules]) == ("failed", ["dropped", "not reached"])
    assert "ValueError: broken" in found.reason


def test_the_defaults_of_a_job_are_what_it_adds_to_a_bare_target(config):
    job = config("scrape_configs: [{job_name: j, metrics_path: /x, params: {p: [v]}}]").scrape_configs[0]
    defaults = job_defaults(job)
    assert {"job": "j", "__metrics_path__": "/x", "__param_p": "v"}.items() <= dict(defaults).items()
    assert "__address__" not in defaults


def test_a_rule_is_one_line_without_its_defaults():
    rule = RelabelConfig(source_labels=("a", "b"), target_label="c", action=ActionName("replace"))
    assert rule_text(rule) == 'replace {source_labels: ["a", "b"], target_label: "c"}'


def test_json_has_every_step(explain):
    found = explain({"__address__": "a:1", "__meta_env": "test"}).as_json()
    assert [one["verdict"] for one in found["steps"]] == ["kept", "dropped", "not reached"]
    assert found["steps"][0]["rule"] == {"action": "replace", "source_labels": ["__meta_env"], "target_label": "env"}
    assert found["steps"][0]["added"] == {"env": "test"}
    assert (found["outcome"], found["output"], found["scrapeUrl"]) == ("dropped", None, "")
