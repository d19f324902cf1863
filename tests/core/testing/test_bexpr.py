from __future__ import annotations

import pytest

from narthex.testing.bexpr import FilterError, matches

ENTRY = {
    "Node": {"Node": "n1", "Meta": {"rack": "2304", "a key": "v"}},
    "Service": {"Tags": ["a", "b"], "Port": 80, "Meta": None},
    "Checks": [{"Status": "passing"}, {"Status": "warning"}],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", True),
        ('Node.Node == "n1"', True),
        ("Node.Node == n1", True),
        ("Node.Node != `n1`", False),
        ('Node.Meta.rack == "2304"', True),
        ('Node.Meta["a key"] == "v"', True),
        ('Node.Meta.absent == ""', False),
        ("Service.Port == 80", True),
        ('Service.Tags contains "a"', True),
        ('Service.Tags not contains "a"', False),
        ('"a" in Service.Tags', True),
        ('"c" not in Service.Tags', True),
        ("Service.Tags is empty", False),
        ("Service.Meta is empty", True),
        ("Service.Tags is not empty", True),
        ('Node.Node matches "^n[0-9]$"', True),
        ('Node.Node not matches "^n"', False),
        ('Checks.Status == "warning"', True),
        ('"a" in Service.Tags and Node.Node == "n2"', False),
        ('Node.Node == "n2" or "a" in Service.Tags and Service.Port == 80', True),
        ('not (Node.Node == "n2" or "c" in Service.Tags)', True),
        ('not Node.Node == "n1" or "a" in Service.Tags', True),
    ],
)
def test_what_an_expression_says(expression, expected):
    assert matches(expression, ENTRY) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "Node",
        "Absent == 1",
        "Node.Node ==",
        'Node.Node == "n1" Node',
        "(Node.Node == a",
        "Node.Node is full",
        "= 1",
        "Node.Meta[rack == 1",
        "Node.Node not 1",
        '"a" Service.Tags',
        'Node.Node matches "("',
        '"open',
    ],
)
def test_what_is_no_expression(expression):
    with pytest.raises(FilterError):
        matches(expression, ENTRY)
