"""Syntax trees as the API writes them."""

from __future__ import annotations

import pytest

from narthex.promql.parser import parse
from narthex.web.syntax import tree


@pytest.mark.parametrize(
    ("text", "shown"),
    [("1", "1"), ("1e30", "1" + "0" * 30), ("1e-9", "0.000000001"), ("Inf", "+Inf"), ("NaN", "NaN"), ("0x10", "16")],
)
def test_numbers_have_no_exponent(text: str, shown: str) -> None:
    assert tree(parse(text)) == {"type": "numberLiteral", "val": shown, "duration": False}


def test_a_modified_selector_says_by_what() -> None:
    found = tree(parse('a{b!~"c"} @ end() offset -5m'))
    assert found is not None
    assert (found["offset"], found["timestamp"], found["startOrEnd"]) == (-300_000, None, "end")
    assert found["matchers"][0] == {"type": "!~", "name": "b", "value": "c"}
