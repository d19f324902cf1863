from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.safety import DiscoverySafety, JobDiscoverySafety, Share
from narthex.config.types import Count, Duration, Size
from narthex.discovery.governor import Action, count, judge, missing
from narthex.model.targetgroup import TargetGroup

LIMITS = DiscoverySafety()
HOLD = LIMITS.patience.seconds


def groups(*sizes, start=0):
    numbers = iter(range(start, start + sum(sizes)))
    return [
        TargetGroup(f"s:{i}", tuple({"__address__": f"h{next(numbers)}:1"} for _ in range(size)))
        for i, size in enumerate(sizes)
    ]


def action(before, after, limits=LIMITS, now=0.0, since=None):
    return judge(groups(before), groups(after), limits, now, since).action


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 0, Action.APPLY),
        (0, 9, Action.APPLY),
        (100, 200, Action.APPLY),
        (100, 99, Action.APPLY),
        (100, 50, Action.APPLY),
        (100, 49, Action.HOLD),
        (100, 10, Action.HOLD),
        (100, 0, Action.HOLD),
        (2, 1, Action.APPLY),
        (1, 0, Action.HOLD),
    ],
)
def test_half_of_the_targets_may_go_at_once(before, after, expected):
    assert action(before, after) is expected


def test_other_targets_in_place_of_the_old_ones_are_no_loss():
    assert judge(groups(50), groups(50, start=1000), LIMITS, 0.0).action is Action.APPLY


def test_an_empty_answer_may_be_allowed_while_a_short_one_is_not():
    limits = DiscoverySafety(allow_empty=True)
    assert action(10, 0, limits) is Action.APPLY
    assert action(10, 1, limits) is Action.HOLD


def test_without_hold_everything_counts_at_once():
    assert action(100, 0, DiscoverySafety(hold=Duration(0))) is Action.APPLY


def test_all_may_go_but_the_last():
    limits = DiscoverySafety(max_drop=Share(1))
    assert action(100, 1, limits) is Action.APPLY
    assert action(100, 0, limits) is Action.HOLD


def test_a_hold_ends():
    assert action(100, 0, now=HOLD - 1, since=0.0) is Action.HOLD
    assert action(100, 0, now=HOLD, since=0.0) is Action.APPLY


@pytest.mark.parametrize(
    "limits",
    [
        DiscoverySafety(max_targets=Count(5)),
        DiscoverySafety(max_groups=Count(1)),
        DiscoverySafety(max_bytes=Size(6 * len("__address__h1:1") - 1)),
    ],
)
def test_an_update_that_is_too_large_is_refused_however_long_it_waits(limits):
    verdict = judge([], groups(3, 3), limits, 1e9, 0.0)
    assert verdict.action is Action.REFUSE
    assert "more than max_" in verdict.reason
    assert judge([], groups(5), limits, 0.0).action is Action.APPLY


def test_reasons_name_the_numbers():
    reason = judge(groups(100), groups(10), LIMITS, 0.0).reason
    assert reason == "the update lacks 90 of 100 targets, more than max_drop 50%"
    assert judge(groups(7), [], LIMITS, 0.0).reason == "the update has no targets, there were 7"


def test_a_job_changes_some_of_the_global_limits():
    limits = JobDiscoverySafety(hold=Duration(1000), allow_empty=False).over(DiscoverySafety(allow_empty=True))
    assert limits == DiscoverySafety(hold=Duration(1000), allow_empty=False)


def test_what_is_missing_keeps_the_labels_it_had():
    before = [TargetGroup("a", ({"__address__": "h:1"}, {"__address__": "h:2"}), {"env": "old"})]
    after = [TargetGroup("b", ({"__address__": "h:2"},), {"env": "new"})]
    assert missing(before, after) == [TargetGroup("a", ({"__address__": "h:1"},), {"env": "old"})]


def test_of_equal_addresses_as_many_are_missing_as_there_are_fewer():
    before = [TargetGroup("a", tuple({"__address__": "h:1", "module": str(i)} for i in range(3)))]
    after = [TargetGroup("a", ({"__address__": "h:1", "module": "9"},))]
    assert count(missing(before, after)) == 2


def test_a_group_that_is_missing_whole_is_the_same_object():
    before = groups(2, 3)
    assert missing(before, before[:1])[0] is before[1]


SETS = st.lists(st.lists(st.sampled_from([f"h{i}" for i in range(8)]), max_size=6), max_size=4)


def made(sets):
    return [TargetGroup(str(i), tuple({"__address__": one} for one in own)) for i, own in enumerate(sets)]


def tally(found):
    addresses = [target["__address__"] for group in found for target in group.targets]
    return {one: addresses.count(one) for one in addresses}


@given(SETS, SETS)
def test_an_update_and_what_it_lacks_hold_every_target_there_was(before, after):
    kept = missing(made(before), made(after))
    both = tally([*made(after), *kept])
    assert all(both.get(address, 0) >= number for address, number in tally(made(before)).items())
    assert count(kept) <= count(made(before))


@given(SETS, SETS, st.floats(0, 1), st.booleans())
def test_no_update_takes_more_than_it_may(before, after, share, empty):
    limits = DiscoverySafety(max_drop=Share(share), allow_empty=empty)
    verdict = judge(made(before), made(after), limits, 0.0)
    lost = count(made(before)) - count(made(after))
    allowed = lost <= 0 or (empty if not count(made(after)) else lost <= share * count(made(before)))
    assert (verdict.action is Action.APPLY) == allowed
    assert bool(verdict.reason) != allowed
