"""A memo answers what the pure function answers, whatever changed, and keeps what did not."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from narthex.config.relabel import ActionName, RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules
from narthex.targets import TargetMemo, targets
from narthex_plugins.relabel_actions import ACTIONS

CATALOG = Catalog(relabel={one.name: Contribution(one, Origin("relabel", "narthex", "test")) for one in ACTIONS})
JOB = ScrapeConfig("node", Duration(15_000), Duration(10_000))
RULES = compile_rules(
    [
        RelabelConfig(("__meta_drop",), regex="yes", action=ActionName("drop")),
        RelabelConfig(regex="__meta_(.+)", action=ActionName("labelmap")),
    ],
    CATALOG,
)
OWN = st.fixed_dictionaries(
    {"__address__": st.sampled_from(["h:1", "h:2", "h:3", "bad/host"])},
    optional={"__meta_drop": st.sampled_from(["yes", ""]), "__meta_x": st.sampled_from(["1", "2"])},
)
GROUPS = st.lists(
    st.builds(
        TargetGroup,
        st.sampled_from(["s", "t", "u"]),
        st.lists(OWN, max_size=4).map(tuple),
        st.sampled_from([{}, {"env": "a"}, {"__meta_drop": "yes"}]),
    ),
    max_size=4,
)


def shown(found):
    """The set as plain values: targets compare by identity only, which is not enough here."""
    return dataclasses.asdict(
        dataclasses.replace(found, active=tuple([(str(one), str(one.discovered), one.url) for one in found.active]))
    )


@given(st.lists(GROUPS, min_size=1, max_size=5), st.data())
def test_a_memo_answers_what_the_pure_function_answers(history, data):
    memo = TargetMemo(JOB, RULES)
    before = []
    for groups in history:
        # some groups come as the objects they were, as the supervisor hands them on
        kept = data.draw(st.lists(st.sampled_from(before), max_size=3)) if before else []
        now = [*kept, *(SourcedGroup("file/0", one) for one in groups)]
        assert shown(memo.update(now)) == shown(targets(JOB, now, RULES))
        before = now


def group(*addresses, **labels):
    return SourcedGroup("file/0", TargetGroup("s", tuple({"__address__": one} for one in addresses), labels))


def test_a_target_that_stays_is_the_same_object():
    memo = TargetMemo(JOB, RULES)
    one, two, three = memo.update([group("h:1", "h:2", "h:3")]).active
    found = memo.update([group("h:3", "h:4", "h:2")]).active
    assert found[0] is three
    assert found[2] is two
    assert one not in found


def test_other_labels_of_the_group_make_other_targets():
    memo = TargetMemo(JOB, RULES)
    memo.update([group("h:1", env="a")])
    (target,) = memo.update([group("h:1", env="b")]).active
    assert target.public["env"] == "b"


def test_only_what_changed_is_worked_on():
    seen = []
    rules = compile_rules([], CATALOG)
    rules._steps = ((0, lambda labels: seen.append(labels["__address__"]) or labels),)
    memo = TargetMemo(JOB, rules)
    groups = [
        SourcedGroup("k/0", TargetGroup(str(i), ({"__address__": f"h{i}:1"}, {"__address__": f"h{i}:2"})))
        for i in range(100)
    ]
    memo.update(groups)
    seen.clear()
    groups[7] = SourcedGroup("k/0", TargetGroup("7", ({"__address__": "h7:1"}, {"__address__": "new:1"})))
    del groups[50]
    assert len(memo.update(groups).active) == 198
    assert seen == ["new:1"]


def test_a_target_found_twice_is_one_as_long_as_it_is_found():
    memo = TargetMemo(JOB, RULES)
    first, second = (SourcedGroup(f"file/{i}", TargetGroup("s", ({"__address__": "h:1"},))) for i in range(2))
    assert memo.update([first, second]).duplicates == 1
    found = memo.update([second])
    assert (len(found.active), found.duplicates) == (1, 0)
    assert memo.update([]).active == ()


def test_groups_of_one_source_are_counted_each():
    memo = TargetMemo(JOB, RULES)
    one, two = group("h:1"), group("h:1", "h:2")
    assert memo.update([one, two]).duplicates == 1
    assert memo.update([group("h:3")]).duplicates == 0
    found = memo.update([group("h:1"), group("h:1")])
    assert (len(found.active), found.duplicates) == (1, 1)
