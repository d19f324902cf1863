from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.promql.strings import StringSyntaxError, quote_character, quote_go, unquote


@given(st.binary(max_size=30))
def test_any_bytes_survive_quoting(data):
    text = data.decode("utf-8", "surrogateescape")
    assert unquote(quote_go(text)).encode("utf-8", "surrogateescape") == data


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives_quoting(text):
    assert unquote(quote_go(text)) == text


def test_backquotes_keep_everything():
    assert unquote(r"`a\n`") == r"a\n"


def test_escapes_are_those_of_go():
    assert unquote(r"'\a\b\f\n\r\t\v\\\'\101\x41\u00e9\U0001F600'") == "\a\b\f\n\r\t\v\\'AAé😀"


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        (r'"\c"', "unknown escape sequence U+0063 'c'"),
        (r'"\x."', "illegal character U+002E '.' in escape sequence"),
        (r'"\u12"', "escape sequence not terminated"),
        (r'"\ud800"', "escape sequence is an invalid Unicode code point"),
        (r'"\400"', "escape sequence is an invalid Unicode code point"),
        ('"a\nb"', "unterminated quoted string"),
    ],
)
def test_broken_literals_are_explained(literal, reason):
    with pytest.raises(StringSyntaxError) as caught:
        unquote(literal)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("char", "quoted"),
    [
        ("a", "'a'"),
        ("'", r"'\''"),
        ('"', "'\"'"),
        ("\\", r"'\\'"),
        ("\x00", r"'\x00'"),
        ("é", "'é'"),
        ("\udcff", "'\ufffd'"),
    ],
)
def test_a_character_stands_in_single_quotes(char, quoted):
    assert quote_character(char) == quoted
