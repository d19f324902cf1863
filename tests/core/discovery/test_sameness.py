from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from narthex.discovery.sameness import with_known
from narthex.model.targetgroup import TargetGroup

OWN = st.fixed_dictionaries({"__address__": st.sampled_from("abcd")}, optional={"x": st.sampled_from("12")})
GROUPS = st.builds(TargetGroup, st.just("s"), st.lists(OWN, max_size=5).map(tuple), st.sampled_from([{}, {"env": "a"}]))


@given(GROUPS, GROUPS)
def test_the_group_is_equal_to_what_was_published(group, known):
    assert with_known(group, known) == group


@given(GROUPS)
def test_an_equal_group_is_the_one_that_was_known(known):
    assert with_known(copy.deepcopy(known), known) is known


def test_targets_that_stay_are_the_objects_they_were():
    known = TargetGroup("s", tuple({"__address__": one} for one in "abc"), {"env": "a"})
    found = with_known(TargetGroup("s", tuple({"__address__": one} for one in "acbd"), {"env": "a"}), known)
    a, b, c = known.targets
    assert all(one is other for one, other in zip(found.targets, (a, c, b), strict=False))
    assert found.labels is known.labels
