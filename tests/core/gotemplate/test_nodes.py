"""A node's text is its canonical source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.gotemplate.builtins import BUILTINS
from narthex.gotemplate.nodes import Action
from narthex.gotemplate.parser import parse


def only_action(text):
    (node,) = parse(text, "t", BUILTINS)["t"].body
    assert isinstance(node, Action)
    return node


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("{{  1 }}", "{{1}}"),
        ('{{printf   "%d"  .A.B|len}}', '{{printf "%d" .A.B | len}}'),
        ("{{ $x  :=  (.A) }}", "{{$x := (.A)}}"),
        ("{{ (index . 0).B.C $ }}", "{{(index . 0).B.C $}}"),
        ("{{ eq nil true `r` 'c' 0x1F }}", "{{eq nil true `r` 'c' 0x1F}}"),
    ],
)
def test_text_of_an_action(text, canonical):
    assert str(only_action(text)) == canonical


LEAVES = st.sampled_from([".", "nil", "true", "1", "-2.5", '"s"', "`r`", "'c'", ".A.B", "$", "$.A", "len"])
OPERANDS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda args: f"(print {' '.join(args)})")
        | inner.map(lambda one: f"(len {one}).C")
    ),
    max_leaves=8,
)


@given(st.lists(OPERANDS, max_size=3), st.lists(OPERANDS, max_size=2))
def test_text_of_a_pipeline_reads_back_as_the_same_tree(args, more):
    action = only_action(f"{{{{ print {' '.join(args)} | printf {' '.join(more)} }}}}")
    assert only_action(str(action)) == action
    assert str(only_action(str(action))) == str(action)
