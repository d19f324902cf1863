from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.model.labels import Labels
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import Rules, compile_rules
from narthex.targets import DroppedTarget, scrape_url, targets
from narthex_plugins.relabel_actions import ACTIONS

CATALOG = Catalog(relabel={one.name: Contribution(one, Origin("relabel", "narthex", "test")) for one in ACTIONS})
NO_RULES = Rules()
JOB = ScrapeConfig("node", Duration(15_000), Duration(10_000))


def found(*own, labels=None, rules=NO_RULES, job=JOB, trace=False):
    group = SourcedGroup("file/0", TargetGroup("f:0", tuple(own), labels or {}))
    return targets(job, [group], rules, trace=trace)


def rules(*configs):
    made = [RelabelConfig(**{**one, "action": ActionName(one.get("action", "replace"))}) for one in configs]
    return compile_rules(made, CATALOG)


def test_a_targets_own_label_beats_its_groups_and_both_beat_the_job():
    (target,) = found({"__address__": "h:1", "a": "own", "job": "mine"}, labels={"a": "group", "b": "group"}).active
    assert dict(target.public) == {"a": "own", "b": "group", "instance": "h:1", "job": "mine"}


def test_an_empty_own_label_hides_the_groups_and_lets_the_default_in():
    (target,) = found({"__address__": "h:1", "job": "", "a": ""}, labels={"job": "group", "a": "group"}).active
    assert dict(target.public) == {"instance": "h:1", "job": "node"}


def test_meta_labels_are_seen_by_rules_and_then_go():
    copy = rules({"source_labels": ("__meta_x",), "target_label": "x"})
    (target,) = found({"__address__": "h:1", "__meta_x": "v"}, rules=copy).active
    assert target.public["x"] == "v"
    assert "__meta_x" not in target.labels
    assert "__meta_x" in target.discovered


def test_targets_that_end_equal_are_one():
    same = rules({"action": "labeldrop", "regex": "n"})
    result = found({"__address__": "h:1", "n": "1"}, {"__address__": "h:1", "n": "2"}, rules=same)
    assert len(result.active) == 1
    assert result.duplicates == 1


def test_a_dropped_target_names_the_rule():
    result = found({"__address__": "h:1"}, rules=rules({"target_label": "a", "replacement": "1"}, {"action": "drop"}))
    assert result.dropped == (DroppedTarget("node", result.dropped[0].discovered, 1),)


def test_a_slash_in_the_address_fails_the_target_only():
    result = found({"__address__": "http://h:1"}, {"__address__": "h:2"})
    assert [str(one) for one in result.failed] == ['instance 0 in group f:0: "http://h:1" is not a valid hostname']
    assert [one.url for one in result.active] == ["http://h:2/metrics"]


def test_interval_and_timeout_of_the_target_itself():
    own = {"__address__": "h:1", "__scrape_interval__": "1m", "__scrape_timeout__": "30s"}
    (target,) = found(own).active
    assert (target.interval, target.timeout) == (60_000, 30_000)


@pytest.mark.parametrize("text", ["", "5", "1.5h", "x", "-5m", "1s1h"])
def test_a_broken_interval_fails_the_target(text):
    change = rules({"target_label": "__scrape_interval__", "replacement": text})
    result = found({"__address__": "h:1"}, rules=change)
    assert result.failed[0].error.startswith("error parsing scrape interval: ")
    assert not result.active


def test_a_target_behind_a_unix_socket_needs_no_address():
    (target,) = found({"__unix_socket__": "/run/x.sock"}).active
    assert (target.url, target.unix_socket) == ("http://localhost/metrics", "/run/x.sock")


def test_the_trace_tells_where_a_target_came_from_and_what_became_of_it():
    result = found({"__address__": "h:1"}, rules=rules({"target_label": "a", "replacement": "1"}), trace=True)
    (trace,) = result.traces
    assert (trace.provider, trace.source, trace.index) == ("file/0", "f:0", 0)
    assert [step.action for step in trace.steps] == ["replace"]
    assert trace.result is result.active[0]


@pytest.mark.parametrize(
    ("path", "params", "tail"),
    [
        ("/a b", {}, "/a%20b"),
        ("probe", {}, "/probe"),
        ("/p?x", {}, "/p%3Fx"),
        ("/p", {"q": ("a b&c", "d")}, "/p?q=a+b%26c&q=d"),
    ],
)
def test_urls_are_escaped_as_go_escapes_them(path, params, tail):
    assert (
        scrape_url({"__address__": "h:1", "__scheme__": "http", "__metrics_path__": path}, params)
        == f"http://h:1{tail}"
    )


def test_the_hash_is_stable_over_restarts():
    (target,) = found({"__address__": "h:1"}).active
    (again,) = found({"__address__": "h:1"}).active
    assert target.hash64 == again.hash64
    assert target == again
    assert 0 <= target.hash64 < 1 << 64


OWN_NAMES = ("__address__", "job", "instance", "a", "__meta_b", "__scrape_interval__", "__param_x")
OWN = st.dictionaries(
    st.sampled_from(OWN_NAMES),
    st.text(max_size=5),
)


@given(st.lists(OWN, max_size=5), OWN)
def test_every_discovered_target_is_accounted_for(own, labels):
    result = found(*own, labels=labels)
    total = len(result.active) + result.duplicates + len(result.dropped) + len(result.failed)
    assert total == len(own)
    for target in result.active:
        assert not any(name.startswith("__") for name in target.public)
        assert all(target.labels.values())
        assert target.timeout <= target.interval


@given(OWN, OWN)
def test_discovered_labels_are_those_that_rules_see(own, labels):
    result = found(own, labels=labels, trace=True)
    (trace,) = result.traces
    group = {name: value for name, value in {**labels, **own}.items() if value}
    assert {**dict(found({}).failed[0].discovered), **group} == dict(trace.discovered)
    assert list(trace.discovered) == sorted(trace.discovered)
    again = Labels(dict(trace.discovered))
    assert (again, hash(again), str(again)) == (trace.discovered, hash(trace.discovered), str(trace.discovered))
    assert copy.deepcopy(trace.discovered) == again
    for name in [*OWN_NAMES, *again]:
        assert trace.discovered.get(name) == again.get(name)
        assert trace.discovered.get_or_empty(name) == again.get_or_empty(name)
        assert (name in trace.discovered) == (name in again)


def test_many_shapes_of_labels_are_forgotten_again():
    own = [{"__address__": f"h:{i}", f"l{i}": "1"} for i in range(5000)]
    assert len(found(*own).active) == 5000


def test_another_interval_does_not_make_it_another_target_but_another_label_does():
    def only(**more):
        (one,) = found({"__address__": "h:1", **more}).active
        return one

    plain, slower = only(), only(__scrape_interval__="1m", __scrape_timeout__="1s")
    assert plain != slower
    assert (plain.steady, plain.hash64) == (slower.steady, slower.hash64)
    others = [only(a="b"), only(a="c"), only(ab="c"), only(__param_x="b")]
    assert len({one.steady for one in (plain, *others)}) == 5
