from __future__ import annotations

import pytest

from narthex.explain.given import parse_labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a=b,c=d", {"a": "b", "c": "d"}),
        (" a=b, c=", {"a": "b", "c": ""}),
        ('up{a="b,c"}', {"__name__": "up", "a": "b,c"}),
        ('{"a.b"="c",x="y"}', {"a.b": "c", "x": "y"}),
    ],
)
def test_labels_may_be_pairs_or_a_series(text, labels):
    assert parse_labels(text) == labels


@pytest.mark.parametrize("text", ["a", "=b", '{a!="b"}', "{a=", 'sum(up{a="b"})'])
def test_anything_else_says_what_was_expected(text):
    with pytest.raises(ValueError, match=r"is not (name=value|a series)"):
        parse_labels(text)
