from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from narthex.explain.targetplan import JobTargets, target_changes
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import compile_rules
from narthex.targets import TargetSet, targets

PLAIN = "scrape_configs: [{job_name: j, scrape_interval: 15s}]"
DROPS = PLAIN.replace("15s", "15s, relabel_configs: [{source_labels: [env], regex: test, action: drop}]")


@pytest.fixture
def side(config, catalog):
    def made(text, *own):
        (job,) = config(text).scrape_configs
        group = SourcedGroup("file/0", TargetGroup("s", own))
        return job, targets(job, [group], compile_rules(job.relabel_configs, catalog))

    return made


def changes(old, new):
    found = target_changes(JobTargets(*old, *new))
    return [(one.state, (one.before or one.after).url, one.reason, list(one.lines())) for one in found]


A = {"__address__": "a:1", "env": "prod"}
B = {"__address__": "b:1", "env": "test"}


def test_equal_sets_have_no_changes(side):
    assert changes(side(PLAIN, A, B), side(PLAIN, A, B)) == []


def test_targets_come_and_go_with_discovery(side):
    assert changes(side(PLAIN, A), side(PLAIN, B)) == [
        ("removed", "http://a:1/metrics", "not discovered any more", []),
        ("added", "http://b:1/metrics", "newly discovered", []),
    ]


def test_a_target_that_a_rule_takes_or_gives_back_names_the_rule(side):
    rule = 'dropped by relabel_configs[0]: drop {source_labels: ["env"], regex: "test"}'
    assert changes(side(PLAIN, A, B), side(DROPS, A, B)) == [("removed", "http://b:1/metrics", rule, [])]
    assert changes(side(DROPS, A, B), side(PLAIN, A, B)) == [("added", "http://b:1/metrics", f"before: {rule}", [])]


def test_other_labels_are_a_change_of_one_target(side):
    relabel = PLAIN.replace("15s", "15s, relabel_configs: [{action: labeldrop, regex: env}]")
    assert changes(side(PLAIN, A), side(relabel, A)) == [
        ("relabelled", "http://a:1/metrics", "", ['- env="prod"'])
    ]  # fmt: skip


def test_other_timing_changes_the_target_but_not_its_series(side):
    slower = PLAIN.replace("15s", "30s")
    assert changes(side(PLAIN, A), side(slower, A)) == [
        ("changed", "http://a:1/metrics", "", ["- interval: 15s", "+ interval: 30s"])
    ]


def test_targets_of_another_discovery_are_matched_by_address(side):
    other = {"__address__": "a:1", "env": "prod", "__meta_consul_node": "n", "zone": "z"}
    assert changes(side(PLAIN, A), side(PLAIN, other)) == [("relabelled", "http://a:1/metrics", "", ['+ zone="z"'])]


def test_each_target_is_matched_once(side):
    twins = [{"__address__": "a:1", "n": str(n)} for n in range(3)]
    assert [one[0] for one in changes(side(PLAIN, *twins), side(PLAIN, {"__address__": "a:1", "n": "9"}))] == [
        "relabelled", "removed", "removed"
    ]  # fmt: skip


def test_a_target_that_fails_from_now_on_tells_why(side):
    breaks = PLAIN.replace("15s", "15s, relabel_configs: [{target_label: __address__, replacement: 'a/b'}]")
    assert changes(side(PLAIN, A), side(breaks, A))[0][2] == 'failed: "a/b" is not a valid hostname'


def test_jobs_come_and_go_with_their_targets(side):
    job, found = side(PLAIN, A)
    none = (None, TargetSet("j"))
    assert changes((job, found), none) == [("removed", "http://a:1/metrics", "the job is gone", [])]
    assert changes(none, (job, found)) == [("added", "http://a:1/metrics", "the job is new", [])]


FLEETS = st.lists(
    st.fixed_dictionaries(
        {"__address__": st.sampled_from(["a:1", "b:1", "c:1"]), "env": st.sampled_from(["prod", "test"])}
    ),
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(FLEETS, FLEETS, st.sampled_from([PLAIN, DROPS]))
def test_the_changes_turn_the_first_set_into_the_second(side, before, after, text):
    old, new = side(PLAIN, *before), side(text, *after)
    found = target_changes(JobTargets(*old, *new))
    left = {one.key: one for one in old[1].active}
    for one in found:
        if one.before is not None:
            del left[one.before.key]
    for one in found:
        if one.after is not None:
            assert one.after.key not in left
            left[one.after.key] = one.after
    assert left.keys() == {one.key for one in new[1].active}
