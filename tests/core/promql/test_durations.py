from __future__ import annotations

import pytest

from narthex.errors import QueryError
from narthex.promql.durations import is_symbolic, resolve
from narthex.promql.parser import ALL_OPTIONS, parse
from narthex.promql.printer import to_text


def resolved(text: str) -> str:
    return to_text(resolve(parse(text, options=ALL_OPTIONS), step=30_000, range_=3_600_000))


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("up[step() * 4]", "up[2m]"),
        ("up[range() / 2]", "up[30m]"),
        ("up offset -step()", "up offset -30s"),
        ("up[min_of(step(), 5s) + max_of(1, 2)]", "up[7s]"),
        ("up[2 ^ 3 ^ 1]", "up[8s]"),
        ("up[step() % 7]", "up[2s]"),
        ("rate(up[step()])[step() * 10:step()] offset (1m - 30)", "rate(up[30s])[5m:30s] offset 30s"),
        ("topk(2, -(last_over_time(up[1m:step()] @ 5)) + 1)", "topk(2, -(last_over_time(up[1m:30s] @ 5.000)) + 1)"),
    ],
)
def test_computed_durations_become_numbers(written, numbers):
    assert resolved(written) == numbers


def test_an_expression_without_computed_durations_is_returned_itself():
    expr = parse("rate(up[5m] offset 1h) + 1")
    assert not is_symbolic(expr)
    assert resolve(expr, step=1, range_=1) is expr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("up[step() - 1m]", "duration must be greater than 0"),
        ("up[1m / (step() - 30)]", "division by zero"),
        ("up[1m % (step() - 30)]", "modulo by zero"),
        ("up[step() ^ 1000]", "^3:16: duration is out of range$"),
        ("up offset ((-step()) ^ 0.5)", "out of range"),
    ],
)
def test_impossible_durations_fail_the_query(text, reason):
    with pytest.raises(QueryError, match=reason):
        resolved(text)
