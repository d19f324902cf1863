from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from re2 import _re2

from narthex.regex import Regex, fault


def test_the_private_interface_of_google_re2_is_the_one_we_use():
    options = _re2.RE2.Options()
    options.dot_nl, options.log_errors, options.never_capture = True, False, False
    compiled = _re2.RE2(b"(?P<a>x)(y)?", options)
    assert compiled.ok()
    assert compiled.NumberOfCapturingGroups() == 2
    assert list(compiled.NamedCapturingGroups()) == [(b"a", 1)]
    assert compiled.Match(_re2.RE2.Anchor.ANCHOR_BOTH, b"x", 0, 1) == [(0, 1), (0, 1), (-1, -1)]
    assert compiled.Match(_re2.RE2.Anchor.UNANCHORED, b"-x", 1, 2)[0] == (1, 2)
    assert compiled.Match(_re2.RE2.Anchor.ANCHOR_BOTH, b"z", 0, 1)[0] == (-1, -1)
    broken = _re2.RE2(b"(", options)
    assert not broken.ok()
    assert isinstance(broken.error(), bytes)


@pytest.mark.parametrize("text", ["(?=a)", r"(a)\1", r"\C", r"a\C", "a++", "x{1001}", r"\Z", "(", "[", "\ud800"])
def test_what_go_refuses_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Regex(text)


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        (r"\Q\C\E", r"\C", True),
        ("a|b", "b", True),
        ("a|b", "ab", False),
        ("a.b", "a\nb", True),
        ("a$", "a\n", False),
        (r"\d", "٣", False),
        (r"\pL+", "äß", True),
        ("(?i)STRASSE", "strasse", True),
        (r"[[:alpha:]]\z", "x", True),
        ("x{1000}", "x" * 1000, True),
        ("", "", True),
        ("", "x", False),
        ("(?P<n>a)|b", "b", True),
        ("(?<n>a)", "a", True),
    ],
)
def test_matching_is_anchored_and_gos(text, value, matches):
    assert Regex(text).fullmatch(value) is matches


def test_groups_that_took_no_part_are_empty():
    assert Regex("(a)|(b)").groups("b") == ("b", "", "b")
    assert Regex("([^:]+)(?::(.*))?").groups("hö:st") == ("hö:st", "hö", "st")
    assert Regex("(a)").groups("b") is None


def test_names_give_group_numbers():
    assert Regex("(?P<a>x)(?P<b>y)").names == {"a": 1, "b": 2}


def test_search_is_not_anchored_and_spans_are_bytes():
    assert Regex("b").search("abc")
    assert Regex("ß").spans("aß".encode(), 0) == [(1, 3)]


def test_text_that_is_no_utf8_does_not_raise():
    assert Regex("a[b]c").fullmatch("\udcbd") is False
    assert Regex("(a[b]c)").groups("\udcbd") is None


def test_a_hostile_expression_takes_linear_time():
    assert Regex("(a|a)*b").fullmatch("a" * 5000) is False


ATOMS = st.sampled_from(
    ["a", "b", "ab", ".", ".*", ".+", "(a|b)", "[ab]", "a?", "b*", "(a)?", "-", r"\.", "(.*)", "(.+)"]
)
EXPRESSIONS = st.lists(ATOMS, max_size=5).map("".join)
VALUES = st.text(alphabet="ab-.\nä", max_size=8)


@given(EXPRESSIONS, VALUES)
def test_a_safe_subset_agrees_with_re(text, value):
    expected = re.compile(f"(?:{text})", re.DOTALL).fullmatch(value)
    assert Regex(text).fullmatch(value) is (expected is not None)


ITEMS = st.tuples(
    st.sampled_from(["", ".*", ".+", "(.*)", "(.+)"]),
    st.sampled_from(["", "a", "ab", "b", r"a\.b", "ä", "-"]),
    st.sampled_from(["", ".*", ".+", "(.*)", "(.+)"]),
).map("".join)
ALTERNATIVES = st.lists(ITEMS, min_size=1, max_size=4).map("|".join)
WRAPPED = st.one_of(ALTERNATIVES, ALTERNATIVES.map("({})".format), ALTERNATIVES.map("(?:{})".format))


@given(WRAPPED, VALUES)
def test_prefilters_agree_with_the_unfiltered_expression(text, value):
    regex = Regex(text)
    assert regex.is_prefiltered
    assert regex.fullmatch(value) is regex._slow(value)
    unfiltered = Regex(f"{text}|[^\x00-\U0010ffff]")  # the same language, but nothing a prefilter reads
    assert not unfiltered.is_prefiltered
    assert regex.groups(value) == unfiltered.groups(value)


@given(EXPRESSIONS, VALUES)
def test_the_prefix_is_one_of_every_match(text, value):
    regex = Regex(text)
    if regex._slow(value):
        assert value.startswith(regex.prefix)


@given(WRAPPED, VALUES)
def test_literals_are_all_that_matches(text, value):
    regex = Regex(text)
    if regex.literals is not None:
        assert (value in regex.literals) is regex._slow(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a(", "missing closing ): `^(?s:a()$`"),
        ("a)", "unexpected ): `^(?s:a))$`"),
        ("[a", "missing closing ]: `[a)$`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<!a)", "invalid named capture: `(?<!a))$`"),
        ("(?P<n", "invalid named capture: `(?P<n)$`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        ("a\\", "missing closing ): `^(?s:a\\)$`"),
        (r"\Qa", r"missing closing ): `^(?s:\Qa)$`"),
    ],
)
def test_what_is_refused_is_refused_in_the_words_of_go(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Regex(text)
    assert str(caught.value) == reason


def test_a_fault_is_told_of_the_text_itself() -> None:
    assert fault("a(") == "missing closing ): `a(`"
    assert fault("(a)") == ""
