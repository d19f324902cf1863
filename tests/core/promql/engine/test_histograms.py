"""What queries say about native histograms, and which samples they leave out."""

from __future__ import annotations

import pytest
from tests.core.promql.engine.loaded import loaded

from narthex.model.histogram import format_histogram
from narthex.promql.engine import Engine, Semantics

DATA = """
load 1m
  exp      {{schema:0 count:3 sum:4 buckets:[1 2]}}+{{schema:0 count:3 sum:4 buckets:[1 2]}}x5
  fine     {{schema:1 count:4 sum:4 buckets:[1 2 1]}}x5
  custom   {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 2]}}x5
  bounds   {{schema:-53 count:3 sum:4 custom_values:[2] buckets:[1 2]}}x5
  gauge    {{schema:0 count:3 sum:4 buckets:[1 2] counter_reset_hint:gauge}}x5
  number   5+1x5
  both     1 2 {{schema:0 count:3 sum:4 buckets:[1 2]}} {{schema:0 count:5 sum:4 buckets:[3 2]}} 7 8
  schemas  {{schema:0 count:1 sum:1 buckets:[1]}} {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 2]}}x4
  nans     {{schema:0 count:10 sum:NaN buckets:[4 4]}}x5
  resets   {{schema:0 count:9 sum:9 buckets:[9]}} {{schema:0 count:2 sum:2 buckets:[2]}}x4
  all{i="e"} {{schema:0 count:3 sum:4 buckets:[1 2]}}x5
  all{i="n"} 4x5
  all{i="c"} {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 2]}}x5
  hist_bucket{le="1"} 3x5
  hist_bucket{le="+Inf"} 5x5
  classic{le="1"} 3x5
  classic{le="+Inf"} 5x5
  classic {{schema:0 count:3 sum:4 buckets:[1 2]}}x5
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(loaded(DATA), semantics=Semantics(delayed_name_removal=True))


def shown(engine: Engine, query: str, time: int = 300_000) -> dict[str, str]:
    value = engine.instant(query, time).value
    objects = [None] * value.labels.rows if value.histograms is None else value.histograms.tolist()
    texts = [
        f"{number:g}" if one is None else format_histogram(one)
        for number, one in zip(value.values.tolist(), objects, strict=True)
    ]
    return dict(zip(map(str, value.labels.all_labels()), texts, strict=True))


MIXED_SCHEMAS = "vector contains a mix of histograms with exponential and custom buckets schemas"
LEFT_OUT = "input to histogram_fraction has NaN observations, which are excluded from all fractions"
SAYS = [
    ("exp + custom", "warning: incompatible bucket layout encountered for binary operator + (1:1)"),
    ("custom + bounds", "info: mismatched custom buckets were reconciled during addition (1:1)"),
    ("2 * (custom - bounds)", "info: mismatched custom buckets were reconciled during subtraction (1:6)"),
    ("exp * exp", 'info: incompatible sample types encountered for binary operator "*": histogram * histogram (1:1)'),
    ("exp > 1", 'info: incompatible sample types encountered for binary operator ">": histogram > float (1:1)'),
    ("2 / exp", 'info: incompatible sample types encountered for binary operator "/": float / histogram (1:1)'),
    ("number </ 2", 'info: incompatible sample types encountered for binary operator "</": float </ float (1:1)'),
    ("sum(all)", "warning: encountered a mix of histograms and floats for aggregation (1:5)"),
    (
        'avg(all{i!="n"})',
        f'warning: {MIXED_SCHEMAS} for metric name "all" (1:5)',
    ),
    ("sum({__name__=~'custom|bounds'})", "info: mismatched custom buckets were reconciled during aggregation (1:5)"),
    ("max(exp)", "info: ignored histogram in max aggregation (1:5)"),
    ("topk(1, exp)", "info: ignored histogram in topk aggregation (1:9)"),
    ("quantile(0.5, exp)", "info: ignored histogram in quantile aggregation (1:15)"),
    ("sum_over_time(both[5m])", 'warning: encountered a mix of histograms and floats for metric name "both" (1:15)'),
    ("irate(both[2m] @ 240)", 'warning: encountered a mix of histograms and floats for metric name "both" (1:7)'),
    (
        "min_over_time(both[5m])",
        'info: ignored histograms in a range containing both floats and histograms for metric name "both" (1:15)',
    ),
    (
        "deriv(both[5m])",
        'info: ignored histograms in a range containing both floats and histograms for metric name "both" (1:7)',
    ),
    (
        "delta(schemas[6m])",
        f'warning: {MIXED_SCHEMAS} for metric name "schemas" (1:7)',
    ),
    ("rate(gauge[5m])", 'warning: this native histogram metric is not a counter: "gauge" (1:6)'),
    ("irate(gauge[5m])", 'warning: this native histogram metric is not a counter: "gauge" (1:7)'),
    ("delta(exp[5m])", 'warning: this native histogram metric is not a gauge: "exp" (1:7)'),
    ("idelta(exp[5m])", 'warning: this native histogram metric is not a gauge: "exp" (1:8)'),
    (
        "histogram_quantile(0.9, nans)",
        'info: input to histogram_quantile has NaN observations, result is NaN for metric name "nans" (1:25)',
    ),
    (
        "histogram_quantile(0.2, nans)",
        'info: input to histogram_quantile has NaN observations, result is skewed higher for metric name "nans" (1:25)',
    ),
    (
        "histogram_fraction(0, 1, nans)",
        f'info: {LEFT_OUT} for metric name "nans" (1:26)',
    ),
    (
        "histogram_quantile(0.9, classic)",
        'warning: vector contains a mix of classic and native histograms for metric name "classic" (1:25)',
    ),
    (
        "histogram_count(sum_over_time(resets[6m]))",
        "warning: conflicting counter resets during histogram aggregation (1:31)",
    ),
]


@pytest.mark.parametrize(("query", "said"), SAYS)
def test_what_is_left_out_or_doubtful_is_said_in_prometheuss_words(engine: Engine, query: str, said: str) -> None:
    result = engine.instant(query, 300_000)
    annotations = [*result.warnings, *result.infos]
    if query.startswith("delta(schemas"):  # it is no gauge either
        annotations = [one for one in annotations if "not a gauge" not in one]
    assert annotations == [f"PromQL {said}"]


SILENT = [
    "sum(exp) + sum(exp)",
    "exp == exp",
    "exp </ 1.5",
    "rate(exp[5m])",
    "delta(gauge[5m])",
    "count(all)",
    "min_over_time(exp[5m])",
    "stddev_over_time(exp[5m])",
    "abs(exp)",
    "histogram_count(exp * 2)",
    "sum_over_time(resets[6m])",
    "rate(schemas[6m])",
]


@pytest.mark.parametrize("query", SILENT)
def test_nothing_is_said_where_all_is_well(engine: Engine, query: str) -> None:
    result = engine.instant(query, 300_000)
    assert [*result.warnings, *result.infos] == []


VALUES = [
    ("exp * 2", {"{}": "{{count:36 sum:48 counter_reset_hint:not_reset buckets:[12 24]}}"}),
    ("-gauge", {"{}": "{{count:-3 sum:-4 counter_reset_hint:gauge buckets:[-1 -2]}}"}),
    ("sum(fine + exp)", {"{}": "{{count:22 sum:28 counter_reset_hint:not_reset buckets:[7 15]}}"}),
    ("{__name__=~'exp|number'} > 9", {'{__name__="number"}': "10"}),
    ("count({__name__=~'exp|number'})", {"{}": "2"}),
    (
        "last_over_time(both[2m] @ 180)",
        {'{__name__="both"}': "{{count:5 sum:4 counter_reset_hint:not_reset buckets:[3 2]}}"},
    ),
    ("count_over_time(both[6m])", {"{}": "6"}),
    ("changes(both[6m])", {"{}": "5"}),
    ("resets(both[6m])", {"{}": "2"}),
    ("resets(resets[6m])", {"{}": "1"}),
    ("max_over_time(both[6m])", {"{}": "8"}),
    ("present_over_time(exp[1m])", {"{}": "1"}),
    ("absent(exp)", {}),
    ("absent_over_time(exp[1m])", {}),
    ("count_values('v', exp)", {'{v="{count:18, sum:24, (0.5,1]:6, (1,2]:12}"}': "1"}),
    ("exp and number", {'{__name__="exp"}': "{{count:18 sum:24 counter_reset_hint:not_reset buckets:[6 12]}}"}),
    ("histogram_count(exp) or histogram_sum(number)", {"{}": "18"}),
    ("increase(exp[2m] anchored)", {"{}": "{{count:6 sum:8 counter_reset_hint:gauge buckets:[2 4]}}"}),
    ("increase(exp[90s] smoothed)", {"{}": "{{count:4.5 sum:6 counter_reset_hint:gauge buckets:[1.5 3]}}"}),
    ("exp smoothed @ 270", {'{__name__="exp"}': "{{count:16.5 sum:22 counter_reset_hint:not_reset buckets:[5.5 11]}}"}),
]


@pytest.mark.parametrize(("query", "expected"), VALUES)
def test_histograms_are_computed(engine: Engine, query: str, expected: dict[str, str]) -> None:
    assert shown(engine, query) == expected


def test_histograms_stand_beside_numbers_in_the_answer_of_a_range_query(engine: Engine) -> None:
    value = engine.range("both", 0, 300_000, 60_000).value
    assert [one is not None for one in value.histograms.tolist()] == [False, False, True, True, False, False]
    assert value.values.tolist() == [1.0, 2.0, 0.0, 0.0, 7.0, 8.0]


def test_a_range_vector_holds_the_histograms_as_they_are(engine: Engine) -> None:
    value = engine.instant("both[6m]", 300_000).value
    assert value.times.tolist() == [0, 60_000, 120_000, 180_000, 240_000, 300_000]
    assert [one is not None for one in value.histograms.tolist()] == [False, False, True, True, False, False]


def test_a_histogram_ends_with_its_lookback_or_a_marker() -> None:
    engine = Engine(loaded("load 1m\n  h {{count:1}} stale _ {{count:2}}\n"), lookback=90_000)
    counts = engine.range("histogram_count(h)", 0, 360_000, 30_000).value
    assert counts.times.tolist() == [0, 30_000, 180_000, 210_000, 240_000]
    assert counts.values.tolist() == [1.0, 1.0, 2.0, 2.0, 2.0]
