from __future__ import annotations

from narthex.explain.ruleplan import group_specs, group_specs_of_api, rule_changes
from narthex.rules.files import read_rule_text
from narthex.rules.options import RuleOptions

BASE = """
groups:
- name: g
  labels: {team: a}
  rules:
  - {record: "a:b", expr: sum(up)}
  - {alert: Down, expr: up == 0, for: 1m, annotations: {text: t}}
"""


def specs(text):
    return group_specs({"r.yml": read_rule_text(text, "r.yml")}, RuleOptions())


def changes(before, after):
    return [(one.state, one.group, one.rule, one.lines) for one in rule_changes(specs(before), specs(after))]


def test_expressions_are_compared_by_meaning():
    assert changes(BASE, BASE.replace("sum(up)", "sum  ( up )")) == []


def test_a_changed_rule_shows_what_differs():
    after = BASE.replace("up == 0", "up == 1").replace("for: 1m", "for: 2m").replace("team: a", "team: b")
    assert changes(BASE, after) == [
        ("changed", "g", "record a:b", ('- labels: {team="a"}', '+ labels: {team="b"}')),
        ("changed", "g", "alert Down", (
            "- expr: up == 0", "+ expr: up == 1", '- labels: {team="a"}', '+ labels: {team="b"}', "- for: 1m",
            "+ for: 2m",
        )),
    ]  # fmt: skip


def test_rules_and_groups_come_and_go():
    after = BASE.replace("alert: Down", "alert: Up").replace("- name: g", "- name: g\n  interval: 5m")
    assert changes(BASE, after) == [
        ("changed", "g", "", ("- interval: 1m", "+ interval: 5m")),
        ("removed", "g", "alert Down", ("- expr: up == 0",)),
        ("added", "g", "alert Up", ("+ expr: up == 0",)),
    ]
    assert [one[:3] for one in changes(BASE, "groups: []")] == [
        ("removed", "g", "record a:b"), ("removed", "g", "alert Down")
    ]  # fmt: skip


def test_the_api_tells_the_same_rules():
    answer = [
        {
            "name": "g", "file": "elsewhere.yml", "interval": 60, "limit": 0,
            "rules": [
                {"type": "recording", "name": "a:b", "query": "sum(up)", "labels": {"team": "a"}},
                {"type": "alerting", "name": "Down", "query": "up == 0", "duration": 60, "keepFiringFor": 0,
                 "labels": {"team": "a"}, "annotations": {"text": "t"}, "alerts": []},
            ],
        }
    ]  # fmt: skip
    assert group_specs_of_api(answer) == specs(BASE)
