"""A histogram counts for as many samples as take its memory: in the statistics of a query, and against its limit."""

from __future__ import annotations

import pytest
from tests.core.promql.engine.loaded import loaded

from narthex.errors import QueryLimitError
from narthex.promql.engine import Engine, Limits

DATA = """
load 10s
  four   {{schema:1 count:5 sum:20 buckets:[1 2 1 1]}}x10
  two    {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 2]}}x10
  apart  {{schema:0 count:3 sum:4 buckets:[1 0 0 0 2] n_buckets:[1]}}x10
  mixed  1 2 3 4 5 {{schema:1 count:5 sum:20 buckets:[1 2 1 1]}}x5
  number 1x10
"""
FOUR, TWO, APART, BARE = 13, 13, 15, 11
"""(176 + 8 x (4 buckets + 1 span)) / 16; with 2 buckets, 2 bounds; with 6 buckets, 2 spans; without buckets."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(loaded(DATA))


@pytest.mark.parametrize(
    ("query", "by_step"),
    [
        ("four", [FOUR] * 3),
        ("two", [TWO] * 3),
        ("apart", [APART] * 3),
        ("mixed", [1, FOUR, FOUR]),
        ("number", [1, 1, 1]),
        ("sum(four)", [FOUR] * 3),
        ("four[30s]", None),
        ("rate(four[30s])", [3 * FOUR] * 3),
        ("sum_over_time(mixed[30s])", [3, 2 + FOUR, 1 + 2 * FOUR]),
        ("rate(four[30s]) + rate(two[30s])", [3 * (FOUR + TWO)] * 3),
        ("histogram_quantile(0.5, four)", [FOUR] * 3),
        ("histogram_count(four)", [BARE] * 3),
        ("histogram_sum(rate(four[30s]))", [3 * BARE] * 3),
        ("histogram_avg(mixed)", [1, BARE, BARE]),
        ("max_over_time(four[20s:10s])", [2 * FOUR] * 3),
        ("last_over_time(four[20s:10s])", [2 * FOUR] * 3),
    ],
)
def test_histograms_count_by_their_size(engine: Engine, query: str, by_step: list[int] | None) -> None:
    if by_step is None:
        assert engine.instant(query, 60_000).stats.samples == 3 * FOUR
        return
    stats = engine.range(query, 40_000, 60_000, 10_000).stats
    assert stats.by_step is not None
    assert stats.by_step.tolist() == by_step
    assert stats.samples == sum(by_step)
    if by_step[0] == by_step[2]:
        assert engine.instant(query, 60_000).stats.samples == by_step[2]


@pytest.mark.parametrize("query", ["four", "rate(four[1m])", "four[1m]", "sum(four)", "last_over_time(four[1m:10s])"])
def test_the_limit_of_samples_is_about_their_size(engine: Engine, query: str) -> None:
    peak = engine.instant(query, 90_000).stats.peak
    assert peak >= FOUR
    assert engine.instant(query, 90_000, limits=Limits(max_samples=peak)).stats.peak == peak
    with pytest.raises(QueryLimitError, match="would load too many samples"):
        engine.instant(query, 90_000, limits=Limits(max_samples=peak - 1))


def test_a_long_sum_of_histograms_does_not_overflow_the_stack(engine: Engine) -> None:
    assert engine.instant("+".join(["four"] * 3_000), 60_000).stats.samples == 3_000 * FOUR
