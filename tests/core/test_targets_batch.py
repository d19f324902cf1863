"""Many targets at once come out as each by itself does, whatever the rules and however odd the labels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Count, Duration
from narthex.kinds import RelabelAction
from narthex.model.columnrule import Filter, Write
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules
from narthex.targets import batch
from narthex.targets.populate import Populate
from narthex_plugins.relabel_actions import ACTIONS

CATALOG = Catalog(relabel={one.name: Contribution(one, Origin("relabel", "narthex", "test")) for one in ACTIONS})
NAMES = ("__address__", "job", "instance", "a", "b", "__meta_a", "__meta_b", "__meta_c", "__scheme__", "__param_x")
SOURCES = st.lists(st.sampled_from(NAMES), max_size=3).map(tuple)
EXPRESSIONS = st.sampled_from(["(.*)", "(.+)", "x", "(x|y)", "x?", "(.)(.*)", "x.*", "([^;]*);(.*)", "h:(.*)", "yes|"])
TARGETS = st.sampled_from(("a", "b", "c", "__address__", "__meta_a", "job", "instance", "__scheme__"))


def rule(action: str, **fields: object) -> RelabelConfig:
    return RelabelConfig(action=ActionName(action), **fields)


RULE = st.one_of(
    st.builds(
        lambda sources, regex, target, text, separator: rule(
            "replace", source_labels=sources, regex=regex, target_label=target, replacement=text, separator=separator
        ),
        SOURCES,
        EXPRESSIONS,
        st.one_of(TARGETS, st.sampled_from(["${1}z", ""])),
        st.sampled_from(["$1", "$0", "", "text", "$2:$1", "z$1"]),
        st.sampled_from([";", "", "/"]),
    ),
    st.builds(
        lambda action, sources, regex: rule(action, source_labels=sources, regex=regex),
        st.sampled_from(["keep", "drop"]),
        SOURCES,
        EXPRESSIONS,
    ),
    st.builds(
        lambda action, sources, target: rule(action, source_labels=sources, target_label=target),
        st.sampled_from(["keepequal", "dropequal", "lowercase", "uppercase"]),
        SOURCES,
        TARGETS,
    ),
    st.builds(lambda s, t: rule("hashmod", source_labels=s, target_label=t, modulus=Count(3)), SOURCES, TARGETS),
    st.builds(
        lambda regex, text: rule("labelmap", regex=regex, replacement=text),
        st.sampled_from(["__meta_(.+)", "(a|b)", "(.+)_(.+)", "__meta_[ab]", "(.*)"]),
        st.sampled_from(["$1", "m_$1", "one", "job", ""]),
    ),
    st.builds(
        lambda action, regex: rule(action, regex=regex),
        st.sampled_from(["labeldrop", "labelkeep"]),
        st.sampled_from(["__meta_.*", "a|b", "[a-z_]+", "__.*|a|job", "instance"]),
    ),
)
VALUE = st.sampled_from(["", "x", "y", "xy", "yes", "h:1", "h:2", "a/b", "\u00e9", "\udc80"])
ADDRESS = st.sampled_from(["h:1", "h:2", "h:3", "", "bad/host"])
LABELS = st.dictionaries(st.sampled_from(NAMES[1:]), VALUE, max_size=5)
SHAPES = st.lists(
    st.tuples(LABELS, st.lists(st.tuples(ADDRESS, LABELS), min_size=1, max_size=6)), min_size=1, max_size=3
)
JOBS = st.sampled_from(
    [
        ScrapeConfig("node", Duration(15_000), Duration(10_000)),
        ScrapeConfig("node", Duration(15_000), Duration(10_000), params={"x": ("p", "q")}, metrics_path=""),
        ScrapeConfig("\udc80", Duration(15_000), Duration(10_000)),
    ]
)


def shown(outcomes):
    """Results as plain values: targets compare by their final labels only."""
    return [
        one
        if one is None or isinstance(one, str)
        else (type(one).__name__, str(one), str(one.discovered), getattr(one, "public", None), getattr(one, "rule", 0))
        for one in outcomes
    ]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Columns from the first row on, a few at a time."""
    monkeypatch.setattr(batch, "LEAST", 1)
    monkeypatch.setattr(batch, "_MOST", 5)


@settings(max_examples=400)
@given(JOBS, st.lists(RULE, max_size=6), SHAPES)
def test_columns_answer_what_rows_answer(job, configs, shapes):
    rules = compile_rules(configs, CATALOG)
    groups = [group for group, targets in shapes for _ in targets]
    owns = [{"__address__": address, **labels} for _, targets in shapes for address, labels in targets]
    one, many = Populate(job, rules), Populate(job, rules)
    rows = [one.run(group, own) for group, own in zip(groups, owns, strict=True)]
    columns = many.run_all(groups, owns)
    assert shown(columns) == shown(rows)
    for left, right in zip(columns, rows, strict=True):
        if hasattr(left, "labels"):
            assert (left, left.url, left.interval, left.timeout) == (right, right.url, right.interval, right.timeout)
            assert hash(left.labels) == hash(right.labels)
            assert list(left.labels) == list(right.labels)


def columns_used(configs, owns, catalog=CATALOG, job=None):
    """How many rows were left to be done one by one."""
    populate = Populate(
        job or ScrapeConfig("node", Duration(15_000), Duration(10_000)), compile_rules(configs, catalog)
    )
    found = [None] * len(owns)
    return len(batch.run_many(populate, [{}] * len(owns), owns, found))


OWNS = [{"__address__": f"h:{i}", "__meta_a": f"x{i % 3}", "__meta_b": "y" * (i % 2)} for i in range(40)]


def test_a_realistic_job_is_done_by_columns_whole():
    configs = [
        rule("keep", source_labels=("__meta_a",), regex="x0|x1"),
        rule("replace", source_labels=("__meta_b",), regex="(.+)", target_label="b"),
        rule("labelmap", regex="__meta_(.+)"),
        rule("replace", source_labels=("__address__", "job"), regex="h:(.*);(.*)", target_label="c"),
        rule("hashmod", source_labels=("__address__",), target_label="shard", modulus=Count(4)),
        rule("keep", source_labels=("shard",), regex="[123]"),
    ]  # fmt: skip
    assert columns_used(configs, OWNS) == 0


def test_only_odd_rows_are_done_one_by_one():
    assert columns_used([], [*OWNS, {"__address__": "bad/host", "__meta_a": "x", "__meta_b": ""}]) == 1


def test_a_rule_of_which_nothing_is_said_is_done_row_by_row():
    silent = RelabelAction("silent", lambda _rule: lambda labels: labels)
    catalog = Catalog(relabel={**CATALOG.relabel, "silent": Contribution(silent, Origin("p", "d", "1"))})
    assert columns_used([rule("silent")], OWNS, catalog) == len(OWNS)


@pytest.mark.parametrize("columns", [lambda _rule: 1 / 0, lambda _rule: None])
def test_an_action_that_fails_to_say_what_it_does_still_works(columns):
    broken = RelabelAction("broken", lambda _rule: lambda labels: {**labels, "done": "yes"}, columns=columns)
    catalog = Catalog(relabel={"broken": Contribution(broken, Origin("p", "d", "1"))})
    populate = Populate(
        ScrapeConfig("node", Duration(15_000), Duration(10_000)), compile_rules([rule("broken")], catalog)
    )
    assert {one.public["done"] for one in populate.run_all([{}] * 40, OWNS)} == {"yes"}


def test_a_function_that_raises_fails_its_own_target_only():
    def stamp(value):
        if value == "h:7":
            raise ValueError("seven")
        return "yes"

    def compiled(_rule):
        return lambda labels: {**labels, "done": stamp(labels["__address__"])}

    action = RelabelAction("stamp", compiled, columns=lambda _rule: Write(("__address__",), ";", "done", stamp))
    catalog = Catalog(relabel={"stamp": Contribution(action, Origin("p", "d", "1"))})
    populate = Populate(
        ScrapeConfig("node", Duration(15_000), Duration(10_000)), compile_rules([rule("stamp")], catalog)
    )
    outcomes = populate.run_all([{}] * 40, OWNS)
    (failed,) = [one for one in outcomes if isinstance(one, str)]
    assert "action stamp of p (d 1) failed: ValueError: seven" in failed
    assert {one.public["done"] for one in outcomes if not isinstance(one, str)} == {"yes"}


def test_an_action_of_a_stranger_may_be_done_by_columns_too():
    action = RelabelAction(
        "short",
        lambda _rule: lambda labels: labels if len(labels.get("__meta_a", "")) < 3 else None,
        columns=lambda _rule: Filter(("__meta_a",), ";", lambda value: len(value) < 3),
    )
    catalog = Catalog(relabel={"short": Contribution(action, Origin("p", "d", "1"))})
    assert columns_used([rule("short")], OWNS, catalog) == 0
