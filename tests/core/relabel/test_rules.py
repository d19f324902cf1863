from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.config.types import Count, RegexText
from narthex.errors import PluginError
from narthex.kinds import RelabelAction
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules
from narthex_plugins.relabel_actions import ACTIONS


def explode(_rule):
    def run(labels):
        raise KeyError("zone")

    return run


ORIGIN = Origin("odd", "odd-dist", "3.1")
CATALOG = Catalog(
    relabel={one.name: Contribution(one, ORIGIN) for one in (*ACTIONS, RelabelAction("explode", explode))}
)


def rule(action="replace", **fields):
    if "regex" in fields:
        fields["regex"] = RegexText(fields["regex"])
    return RelabelConfig(action=ActionName.parse(action), **fields)


def run(labels, *rules, legacy=False):
    return compile_rules(rules, CATALOG, legacy_names=legacy).apply(dict(sorted(labels.items())))


def test_a_missing_source_with_all_defaults_deletes_the_target_label():
    assert run({"y": "1"}, rule(source_labels=("x",), target_label="y")) == {}


def test_replace_without_a_match_changes_nothing():
    assert run({"x": "1"}, rule(source_labels=("x",), regex="a", target_label="y")) == {"x": "1"}


def test_an_invalid_expanded_name_changes_nothing():
    assert run({"x": "1"}, rule(source_labels=("x",), regex="(a)?1", target_label="$1", replacement="v")) == {"x": "1"}


def test_legacy_names_keep_a_template_from_making_other_names():
    made = rule(source_labels=("x",), target_label="l_$1", replacement="v")
    assert run({"x": "a-b"}, made) == {"x": "a-b", "l_a-b": "v"}
    assert run({"x": "a-b"}, made, legacy=True) == {"x": "a-b"}
    assert run({"x": "ab"}, made, legacy=True) == {"x": "ab", "l_ab": "v"}


def test_labelmap_reads_a_snapshot_and_its_writes_win():
    found = run({"a_x": "1", "x": "2"}, rule("labelmap", regex="a_(.*)|(x)", replacement="$1$2"))
    assert found == {"a_x": "1", "x": "2"}
    found = run({"a_x": "1", "b_x": "2"}, rule("labelmap", regex="[ab]_(.*)"))
    assert found["x"] == "2"


def test_hashmod_takes_a_modulus_of_64_bits():
    most = (1 << 64) - 1
    found = run({"x": "a"}, rule("hashmod", source_labels=("x",), target_label="h", modulus=Count(most)))
    assert found["h"] == str(0x31C399E269772661)  # MD5 of "a" ends in these 8 bytes


def test_upper_case_is_gos_rune_by_rune():
    found = run({"x": "straße"}, rule("uppercase", source_labels=("x",), target_label="x"))
    assert found == {"x": "STRAßE"}


def test_the_rule_that_drops_is_told():
    rules = compile_rules([rule(target_label="y", replacement="1"), rule("drop")], CATALOG)
    assert rules.decide({"x": "1"}) == (None, 1)


def test_a_trace_has_every_step_up_to_the_drop():
    rules = compile_rules([rule(target_label="y", replacement="1"), rule("drop"), rule("keep")], CATALOG)
    steps = rules.trace({"x": "1"})
    assert [(one.rule, one.action, dict(one.before), one.after and dict(one.after)) for one in steps] == [
        (0, "replace", {"x": "1"}, {"x": "1", "y": "1"}),
        (1, "drop", {"x": "1", "y": "1"}, None),
    ]


def test_an_unknown_action_is_named():
    with pytest.raises(PluginError, match="unknown action 'nosuch'"):
        compile_rules([rule("nosuch")], CATALOG)


def test_an_action_that_raises_is_named_with_its_plugin():
    rules = compile_rules([rule(target_label="y", replacement="1"), rule("explode")], CATALOG)
    with pytest.raises(PluginError, match=r"rule 1: action explode of odd \(odd-dist 3.1\) failed: KeyError: 'zone'"):
        rules.apply({"x": "1"})
    assert len(rules.trace({"x": "1"})) == 1


NAMES = st.sampled_from(["a", "b", "c", "__d", "e_f"])
LABELS = st.dictionaries(NAMES, st.text(alphabet="xy-1;", min_size=1, max_size=4))
RULES = st.builds(
    rule,
    st.sampled_from(["replace", "labelmap", "hashmod", "lowercase", "uppercase", "labeldrop", "labelkeep", "keep"]),
    source_labels=st.lists(NAMES, max_size=3).map(tuple),
    regex=st.sampled_from(["(.*)", "x.*", "(x|y)+", "([a-c])", ".+", ""]),
    target_label=NAMES,
    replacement=st.sampled_from(["$1", "", "v", "p$1", "$0"]),
    modulus=st.integers(1, 8).map(Count),
)


@given(LABELS, st.lists(RULES, max_size=5))
def test_no_list_of_rules_makes_an_empty_label(labels, rules):
    found = run(labels, *rules)
    assert found is None or all(name and value for name, value in found.items())


@given(LABELS, st.lists(RULES, max_size=5))
def test_a_trace_ends_where_apply_ends(labels, rules):
    compiled = compile_rules(rules, CATALOG)
    steps = compiled.trace(dict(labels))
    found = compiled.apply(dict(sorted(labels.items())))
    if steps:
        assert (dict(steps[-1].after) if steps[-1].after is not None else None) == found
