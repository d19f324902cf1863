"""A second opinion: an independent parser (written in Rust) accepts and refuses the same queries."""

from __future__ import annotations

import promql_parser
import pytest

from narthex.errors import ParseError
from narthex.promql.parser import parse

ACCEPTED = [
    "up",
    'up{job="a",instance=~"b.*"}',
    '{"my.metric", "my.label"="x"}',
    "sum by (job) (rate(http_requests_total[5m]))",
    "sum(rate(x[5m])) without (a, b)",
    "a / on (job) group_left (version) b",
    "a and ignoring (x) b or c unless d",
    "topk(3, x) == bool 1",
    "-x ^ 2 * 3 % 4 atan2 5",
    "x @ 1234 offset -5m",
    "x[5m] @ end()",
    "max_over_time(rate(x[1m])[10m:1m] offset 1h)",
    'label_replace(x, "a", "$1", "b", "(.*)")',
    "histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m])))",
    "1 + 0x1f - .5e3 * Inf",
    "count_values('v', x)",
    "quantile(0.5, x) > 1",
]
REFUSED = [
    "",
    "sum(",
    "a +",
    "{}",
    'x{a="b"',
    "rate(x)",
    "1 and 1",
    "a - on(b) ignoring(c) d",
    "x[5m] + 1",
    "nosuch(x)",
    "topk(x)",
    "x offset 1s offset 2s",
    "-'text'",
]


def refuses(run, text) -> bool:
    try:
        run(text)
    except (ParseError, ValueError):
        return True
    return False


@pytest.mark.parametrize("text", ACCEPTED)
def test_both_accept(text):
    assert not refuses(parse, text)
    assert not refuses(promql_parser.parse, text)


@pytest.mark.parametrize("text", REFUSED)
def test_both_refuse(text):
    assert refuses(parse, text)
    assert refuses(promql_parser.parse, text)
