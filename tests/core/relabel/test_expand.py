from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.relabel.expand import compile_template

GROUPS = ("whole", "one", "two")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$1", "one"),
        ("${1}x", "onex"),
        ("x$1", "xone"),
        ("$0", "whole"),
        ("$2-$1", "two-one"),
        ("$name", "two"),
        ("${name}s", "twos"),
        ("$1x", ""),
        ("$1_y", ""),
        ("$9", ""),
        ("$01", ""),
        ("$99999999999", ""),
        ("$$", "$"),
        ("$$1", "$1"),
        ("$", "$"),
        ("a$-b", "a$-b"),
        ("${", "${"),
        ("${}", "${}"),
        ("${1", "${1"),
        ("$ä", ""),
    ],
)
def test_templates_expand_as_in_go(template, expected):
    assert compile_template(template, 2, {"name": 2}).expander()(GROUPS) == expected


@given(st.text(alphabet="ab-.{}", max_size=10))
def test_text_without_a_dollar_is_itself(text):
    assert compile_template(text, 1, {}).literal == text


@given(st.text(max_size=10))
def test_doubled_dollars_stand_for_themselves(text):
    assert compile_template(text.replace("$", "$$"), 1, {}).literal == text
