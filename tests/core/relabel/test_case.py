"""Case as Go changes it: one character for one character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.relabel.case import lower, upper


@pytest.mark.parametrize(
    ("text", "raised", "lowered"),
    [
        ("aB-1", "AB-1", "ab-1"),
        ("straße", "STRAßE", "straße"),
        ("ŉ", "ŉ", "ŉ"),
        ("İ", "İ", "i"),
        ("a\u03a3", "A\u03a3", "a\u03c3"),
        ("ᾀ", "ᾈ", "ᾀ"),
        ("ǆ", "Ǆ", "ǆ"),
    ],
)
def test_a_character_stays_one_character(text, raised, lowered):
    assert (upper(text), lower(text)) == (raised, lowered)


@given(st.text())
def test_no_text_changes_its_length(text):
    assert len(upper(text)) == len(lower(text)) == len(text)
