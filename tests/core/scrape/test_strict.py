"""The strict reader of the text format."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.scrape.strict import StrictError, read_families


def test_parts_of_a_summary_meet_in_one_metric() -> None:
    text = '# TYPE s summary\ns{quantile="0.5",a="b"} 2\ns_sum{a="b"} 7\ns_count{a="b"} 3\ns_count 9\n'
    (family,) = read_families(text.encode())
    one, other = family.metrics
    assert (one.labels, one.points, one.sum, one.count) == ({"a": "b"}, [(0.5, 2.0)], 7, 3)
    assert (other.labels, other.count) == ({}, 9)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a{b="c} 1\n', "label value"),
        ("a{b=c} 1\n", "at start of label value"),
        ('a{b="c" d="e"} 1\n', "unexpected end of label value"),
        ('a{b="\\q"} 1\n', "invalid escape sequence"),
        ("a{,} 1\n", "invalid label name"),
        ("a\n", "expected float"),
        ('# TYPE a histogram\na_bucket{le="x"} 1\n', "'le' label"),
        ("a 1 \n", 'expected integer as timestamp, got ""$'),
        ("a 1 5 \n", 'spurious string after timestamp: " "$'),
        ("a 1 9223372036854775808\n", 'expected integer as timestamp, got "9223372036854775808"$'),
        ("a 1\r\n", r'expected float as value, got "1\\r"$'),
        ("a{b='c'} 1\n", r"found '\\''$"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(StrictError, match=reason):
        read_families(text.encode())


@given(st.lists(st.sampled_from(["a", "{", "}", '"', "=", ",", " ", "\n", "#", "TYPE ", "HELP ", "1", "\\", "\xff"])))
def test_any_text_is_read_or_refused_in_order(parts: list[str]) -> None:
    with contextlib.suppress(StrictError):
        read_families("".join(parts).encode("latin-1"))
