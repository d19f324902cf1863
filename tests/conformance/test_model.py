"""Durations, names, label sets and their text forms, as Prometheus's common library has them."""

from __future__ import annotations

import json

import pytest
from tests.conformance.cases import decoded, params

from narthex.config.decode import decode_json, decode_yaml
from narthex.config.dump import dump, plain
from narthex.config.durations import format_duration, parse_duration
from narthex.config.escaping import escape_name, unescape_values
from narthex.config.names import is_label_name, is_metric_name, sanitize_label_name, valid_label_name
from narthex.config.relabel import RelabelConfig
from narthex.model.labels import Labels, fnv1a
from narthex.model.matcher import Matcher, MatchOp


@pytest.mark.parametrize("case", params("model/durations.json"))
def test_durations(case):
    if not case["valid"]:
        with pytest.raises(ValueError, match="duration"):
            parse_duration(case["input"], allow_negative=case["allow_negative"])
        return
    parsed = parse_duration(case["input"], allow_negative=case["allow_negative"])
    assert (parsed, format_duration(parsed)) == (case["ms"], case["string"])


@pytest.mark.parametrize("case", params("model/names.json"))
def test_names(case):
    name = decoded(case["name"])
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    check = is_label_name if case["kind"] == "label_name" else is_metric_name
    assert (check(text, legacy=True), check(text)) == (case["legacy"], case["utf8"])


@pytest.mark.parametrize("case", params("model/sanitize_label.json"))
def test_label_names_are_sanitised(case):
    sanitise = valid_label_name if case["function"].startswith("full") else sanitize_label_name
    assert sanitise(case["input"]) == case["expected"]


@pytest.mark.parametrize("case", params("model/escaping.json", kind="escape"))
def test_names_are_escaped(case):
    schemes = ("underscores", "dots", "values")
    assert [escape_name(case["name"], scheme) for scheme in schemes] == [case[scheme] for scheme in schemes]


@pytest.mark.parametrize("case", params("model/escaping.json", kind="unescape_values"))
def test_escaped_values_are_read_back(case):
    assert unescape_values(case["name"]) == case["expected"]


@pytest.mark.parametrize("case", params("model/labels.json", kind="labels_string"))
def test_labels_as_text(case):
    assert str(Labels(case["labels"])) == case["string"]


@pytest.mark.parametrize("case", params("model/labels.json", kind="metric_string"))
def test_metrics_as_text(case):
    labels = Labels(case["labels"])
    name, rest = labels.get_or_empty("__name__"), labels.without(["__name__"])
    assert (f"{name}{rest}" if rest or not name else name) == case["string"]


@pytest.mark.parametrize("case", params("model/labels.json", kind="fingerprint"))
def test_fingerprints(case):
    assert Labels(case["labels"]).fnv() == int(case["fingerprint"])


@pytest.mark.parametrize("case", params("model/labels.json", kind="signature_without_labels"))
def test_signatures_without_some_labels(case):
    assert Labels(case["labels"]).without(case["names"]).fnv() == int(case["signature"])


@pytest.mark.parametrize("case", params("model/labels.json", kind="signature_for_labels"))
def test_signatures_of_some_labels(case):
    # here an absent label counts, with its empty value
    values = ((name, case["labels"].get(name, "")) for name in sorted(case["names"]))
    data = b"".join(part.encode() + b"\xff" for pair in values for part in pair)
    assert fnv1a(data) == int(case["signature"])


@pytest.mark.parametrize("case", params("model/labels.json", kind="compare"))
def test_label_sets_are_ordered(case):
    a, b = Labels(case["a"]), Labels(case["b"])
    assert (a > b) - (a < b) == case["sign"]


@pytest.mark.parametrize("case", params("model/labels.json", kind="matcher"))
def test_matchers(case):
    assert Matcher(MatchOp(case["type"]), "name", case["value"]).matches(case["label_value"]) is case["match"]


@pytest.mark.parametrize("case", params("relabel/*.json", kind="yaml_roundtrip"))
def test_relabel_rules_survive_yaml(case):
    assert dump(decode_yaml(RelabelConfig, case["yaml"], "rule.yml")) == case["yaml"]


@pytest.mark.parametrize("case", params("relabel/*.json", kind="json_roundtrip"))
def test_relabel_rules_survive_json(case):
    rule = decode_json(RelabelConfig, case["json"], "rule.json")
    assert json.dumps(plain(rule, defaults=False), separators=(",", ":")) == case["json"]
