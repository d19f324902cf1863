# ruff: noqa: E501, ISC004 -- messages are compared word for word
import pytest

from narthex.config.rules import load_rule_file, parse_rule_file
from narthex.config.types import Duration
from narthex.errors import ConfigError

GOOD = """
groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 5
  labels: {team: 012}
  rules:
  - record: a:b
    expr: |
      sum(x)
    labels: {on: yes}
  - alert: A
    expr: up == 0
    for: 5m
    keep_firing_for: 1m
    annotations: {summary: down}
"""


def problems(text, **options):
    with pytest.raises(ConfigError) as caught:
        parse_rule_file(text, "r.yml", **options)
    return [str(one).removeprefix("r.yml:") for one in caught.value.problems]


def rule(text, head="groups:\n- name: g\n  rules:\n"):
    first, *rest = text.strip().splitlines()
    return f"{head}  - {first}\n" + "".join(f"    {line}\n" for line in rest)


def test_a_whole_file():
    (group,) = parse_rule_file(GOOD, "r.yml").groups
    assert (group.name, group.interval, group.query_offset, group.limit) == ("g", Duration(30_000), Duration(60_000), 5)
    assert group.labels == {"team": "012"}
    record, alert = group.rules
    assert (record.record, record.expr, record.labels, record.name) == ("a:b", "sum(x)\n", {"on": "yes"}, "a:b")
    assert (alert.alert, alert.for_, alert.keep_firing_for) == ("A", Duration(300_000), Duration(60_000))
    assert [(one.line, one.expr_line) for one in group.rules] == [(9, 10), (13, 14)]


def test_what_is_left_out_is_left_to_the_global_settings():
    (group,) = parse_rule_file("groups: [{name: g}]", "r.yml").groups
    assert (group.interval, group.query_offset, group.limit, group.rules) == (None, None, 0, ())


def test_lines_take_no_part_in_comparisons():
    assert parse_rule_file(GOOD, "a.yml") == parse_rule_file("\n\n" + GOOD, "b.yml")


@pytest.mark.parametrize("text", ["", "groups:\n", "groups: []\n"])
def test_a_file_without_groups_is_valid(text):
    assert parse_rule_file(text, "r.yml").groups == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("groups: [{name: a}, {name: a}]", '1:28: groups[1].name: groupname: "a" is repeated in the same file'),
        ("groups: [{}]", "1:10: groups[0].name: groupname must not be empty"),
        ("group: []", "1:1: group: unknown key 'group'; did you mean 'groups'?"),
        ("groups:\n- \n", "2:2: groups[0]: empty or null list element"),
        (rule("expr: a"), "4:5: groups[0].rules[0]: one of 'record' or 'alert' must be set"),
        (rule("alert: A\nrecord: a\nexpr: a"), "4:12: groups[0].rules[0].alert: only one of 'record' and 'alert' must be set"),
        (rule("alert: A"), "4:5: groups[0].rules[0].expr: field 'expr' must be set in rule"),
        (rule("record: a\nexpr: a\nfor: 1s"), "6:10: groups[0].rules[0].for: invalid field 'for' in recording rule"),
        (rule("record: a\nexpr: a\nannotations: {a: b}"), "6:18: groups[0].rules[0].annotations: invalid field 'annotations' in recording rule"),
        (rule("record: a{b}\nexpr: a"), "4:13: groups[0].rules[0].record: braces present in the recording rule name; should it be in expr?: a{b}"),
        (rule("alert: A\nexpr: a\nfor: -1s"), "6:10: groups[0].rules[0].for: expected a duration such as 30s or 1h30m, got '-1s'"),
        (rule("alert: A\nexpr: a\nlabels: {__name__: b}"), "6:13: groups[0].rules[0].labels: label name '__name__' is not allowed: "
         "the name of the metric comes from 'record' or is ALERTS"),
        (rule("alert: A\nexpr: a\nannotation: {}"), "6:5: groups[0].rules[0].annotation: unknown key 'annotation'; did you mean 'annotations'?"),
    ],
)  # fmt: skip
def test_problems(text, message):
    assert problems(text) == [message]


def test_names_under_the_legacy_scheme():
    text = rule("record: a.b\nexpr: a\nlabels: {c.d: e}")
    parse_rule_file(text, "r.yml")
    assert problems(text, legacy=True) == [
        "4:13: groups[0].rules[0].record: invalid recording rule name: a.b",
        "6:13: groups[0].rules[0].labels: invalid label name: c.d",
    ]


def test_expressions_and_templates_are_checked_from_outside():
    text = rule("alert: A\nexpr: bad\nlabels: {a: '{{ x }}'}\nannotations: {b: '{{ y }}'}")
    found = problems(
        text,
        check_expr=lambda expr: "no such thing" if expr == "bad" else None,
        check_template=lambda template: f"cannot read {template}" if "{{" in template else None,
    )
    assert found == [
        "5:11: groups[0].rules[0].expr: could not parse expression: no such thing",
        "6:13: groups[0].rules[0].labels: label 'a': cannot read {{ x }}",
        "7:18: groups[0].rules[0].annotations: annotation 'b': cannot read {{ y }}",
    ]


def test_labels_of_recording_rules_are_no_templates():
    parse_rule_file(rule("record: a\nexpr: a\nlabels: {b: '{{'}"), "r.yml", check_template=lambda _: "wrong")


def test_labels_of_the_group_are_templates_for_its_alerts():
    head = "groups:\n- name: g\n  labels: {a: '{{'}\n  rules:\n"
    assert problems(rule("alert: A\nexpr: a", head), check_template=lambda _: "wrong") == [
        "5:5: groups[0].rules[0]: label 'a' of the group: wrong"
    ]


def test_only_the_first_document_is_used(tmp_path):
    path = tmp_path / "r.yml"
    path.write_text("groups: [{name: a}]\n---\ngroups: [{name: b}]\n")
    found = load_rule_file(path)
    assert [one.name for one in found.groups] == ["a"]
    assert found.warnings == (f"{path}: holds several YAML documents; only the first is used",)
    assert found.path == str(path)
