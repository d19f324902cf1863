from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narthex.explain.labels import label_diff

LABELS = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text("xy", min_size=1, max_size=2))


def test_lines_are_sorted_by_name_and_a_change_is_two_lines():
    diff = label_diff({"a": "1", "gone": "x", "same": "s"}, {"a": "2", "new": "y", "same": "s"})
    assert list(diff.lines()) == ['- a="1"', '+ a="2"', '- gone="x"', '+ new="y"']


def test_json_tells_the_three_sorts_apart():
    diff = label_diff({"a": "1", "gone": "x"}, {"a": "2", "new": "y"})
    assert diff.as_json() == {
        "added": {"new": "y"}, "removed": {"gone": "x"}, "changed": {"a": {"before": "1", "after": "2"}}
    }  # fmt: skip


@given(LABELS, LABELS)
def test_a_diff_turns_the_first_set_into_the_second(before, after):
    diff = label_diff(before, after)
    assert bool(diff) == (before != after)
    kept = {name: value for name, value in before.items() if name not in diff.removed}
    assert {**kept, **diff.added, **{name: new for name, (_, new) in diff.changed.items()}} == after
