"""Each rule of relabel actions is broken by one action, caught and named; the shipped actions keep all."""

from __future__ import annotations

import itertools

import pytest
from tests.core.testing.contracts.breaking import own_rules, plugin, verdict_of

from narthex.kinds import RelabelAction
from narthex.model.columnrule import Write
from narthex.testing.contract import RelabelContract
from narthex.testing.rigs import RelabelRig


def check(rule, _legacy):
    if not rule.target_label:
        yield "target_label", "needs a target_label"


def compile_reverse(rule):
    def run(labels):
        value = "".join(labels.get(name, "") for name in rule.source_labels)[::-1]
        labels.pop(rule.target_label, None)
        return {**labels, rule.target_label: value} if value else labels

    return run


def reverse_columns(rule):
    return Write(rule.source_labels, "", rule.target_label, lambda joined: joined[::-1])


def rig(compiler=compile_reverse, checker=check, columns=reverse_columns, **methods):
    action = RelabelAction("reverse", compiler, checker, columns, summary="Reverses")
    made = {"bad_rules": lambda self: [{"source_labels": ["a"]}], **methods}
    return type(
        "Rig", (RelabelRig,), {"plugin": plugin("narthex_relabel_actions", action), "kind": "reverse", **made}
    )()


class TestWellBehaved(RelabelContract):
    @pytest.fixture
    def rig(self):
        return rig()


class TestWithRulesOfItsOwn(RelabelContract):
    @pytest.fixture
    def rig(self):
        rules = [{"source_labels": ["a", "zone"], "target_label": "new"}]
        return rig(rules=lambda self: rules, labels=lambda self: [{"a": "anna"}])


def compiled(run):
    """An action whose every rule does this to the labels."""
    return lambda rule: lambda labels: run(rule, labels)


def fails_for_modulus(rule):
    if rule.modulus:
        raise ValueError("no modulus, please")
    return compile_reverse(rule)


def remembering(rule):
    """Gives the same dict out again."""
    kept = {}

    def run(labels):
        kept.clear()
        kept.update(labels)
        return kept

    return run


def haunting(rule):
    """Goes on changing what it returned."""
    given = []

    def run(labels):
        for one in given:
            one["seen"] = one.get("seen", "") + "x"
        given.append(labels)
        return labels

    return run


def counting(rule):
    numbers = itertools.count()
    return lambda labels: {**labels, "n": str(next(numbers))}


def shouting(rule, labels):
    return {**labels, "n": labels["job"].upper()}


def yielding(rule, labels):
    return iter(labels.items())


def emptying(rule, labels):
    return {**labels, "gone": ""}


def no_findings(rule, legacy):
    return ()


def misplaced(rule, legacy):
    if not rule.target_label:
        yield "target", "needs a target_label"


def raising(rule, legacy):
    raise KeyError(rule.target_label)


BREAKERS = [
    ("relabel/agreement", rig(fails_for_modulus), "which check had let through"),
    ("relabel/agreement", rig(checker=raising), "check raised KeyError"),
    ("relabel/agreement", rig(rules=lambda self: [{"source_labels": ["a"]}]), "which the rig says is right"),
    ("relabel/bad-rules", rig(checker=no_findings), "check finds nothing wrong with rule {source_labels: ('a',)"),
    ("relabel/bad-rules", rig(checker=misplaced), "under 'target', which is no key of a rule"),
    ("relabel/total", rig(compiled(shouting)), "raised KeyError: 'job' for {}"),
    ("relabel/total", rig(compiled(yielding)), "expected a dict of texts or None"),
    ("relabel/no-empty-labels", rig(compiled(emptying)), "made the empty label"),
    ("relabel/deterministic", rig(counting), "of the same labels"),
    ("relabel/columns", rig(columns=lambda rule: Write(("a",), "", rule.target_label, str.upper)), "and by columns"),
    ("relabel/columns", rig(columns=lambda rule: lambda labels: labels), "expected a rule of columns or None"),
    ("relabel/independent", rig(haunting), "changed labels that it had returned before"),
    ("relabel/independent", rig(remembering), "returned the same dict twice"),
]


def test_every_rule_has_an_action_that_breaks_it():
    assert {rule for rule, _, _ in BREAKERS} == own_rules("relabel")


@pytest.mark.parametrize(("rule", "broken", "what"), BREAKERS, ids=[f"{one[0]}-{one[2][:20]}" for one in BREAKERS])
def test_an_action_that_breaks_the_rule_is_caught(rule, broken, what):
    verdict = verdict_of(rule, broken)
    assert verdict.state == "broken"
    assert what in verdict.what
