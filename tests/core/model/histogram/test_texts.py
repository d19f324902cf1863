"""Histograms as text: the notation of tests, the text of templates, JSON; and when two are the same."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from tests.core.model.histogram.strategies import any_histogram, exponentials

from narthex.model.histogram import (
    STALE_HISTOGRAM,
    Hint,
    Histogram,
    NotationError,
    close_to,
    format_histogram,
    histogram_json,
    histogram_text,
    parse_histogram,
    same,
)


@given(exponentials(hints=tuple(Hint)))
def test_the_notation_reads_back(histogram: Histogram) -> None:
    found = parse_histogram(format_histogram(histogram))
    assert same(found, histogram)
    assert found.hint is histogram.hint


@given(any_histogram)
def test_buckets_that_count_nothing_make_no_difference(histogram: Histogram) -> None:
    assert same(histogram.compact(), histogram)
    assert (histogram.compact().positive.counts != 0).all()


def test_what_makes_a_difference() -> None:
    some = parse_histogram("{{count:3 sum:4 buckets:[1 2]}}")
    for text in (
        "{{count:3 sum:4 buckets:[2 1]}}",
        "{{count:3 sum:5 buckets:[1 2]}}",
        "{{count:3 sum:4 offset:1 buckets:[1 2]}}",
    ):
        assert not same(some, parse_histogram(text))
    assert same(some, some.with_hint(Hint.GAUGE))
    assert same(Histogram(sum=math.nan), Histogram(sum=math.nan))
    assert not same(Histogram(sum=math.nan), STALE_HISTOGRAM)


def test_closeness_is_the_readers_business() -> None:
    one, other = (parse_histogram(f"{{{{count:{count} buckets:[{count}]}}}}") for count in (10, 10.5))
    assert close_to(one, other, lambda a, b: abs(a - b) < 1)
    assert not close_to(one, other, lambda a, b: abs(a - b) < 0.1)


def test_the_stale_marker() -> None:
    assert STALE_HISTOGRAM.stale
    assert not Histogram(sum=math.nan).stale
    assert not Histogram(sum=1.0).stale


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        ("{{}}", "{count:0, sum:0}"),
        ("{{count:4 sum:5 buckets:[1 0 3]}}", "{count:4, sum:5, (0.5,1]:1, (2,4]:3}"),
        (
            "{{count:3 sum:5e6 z_bucket:1 z_bucket_w:0.5 n_buckets:[2]}}",
            "{count:3, sum:5e+06, [-1,-0.5):2, [-0.5,0.5]:1}",
        ),
        ("{{schema:-53 count:3 custom_values:[2] buckets:[1 2]}}", "{count:3, sum:0, [-Inf,2]:1, (2,+Inf]:2}"),
    ],
)
def test_text_for_templates(notation: str, text: str) -> None:
    assert histogram_text(parse_histogram(notation)) == text


def test_json_names_the_kind_of_every_interval() -> None:
    some = parse_histogram("{{count:3.5 sum:-1 z_bucket:1 z_bucket_w:0.5 buckets:[0.5] n_buckets:[2]}}")
    assert json.loads(histogram_json(some)) == {
        "count": "3.5",
        "sum": "-1",
        "buckets": [[1, "-1", "-0.5", "2"], [3, "-0.5", "0.5", "1"], [0, "0.5", "1", "0.5"]],
    }
    assert histogram_json(Histogram()) == '{"count":"0","sum":"0"}'


@pytest.mark.parametrize(
    "text",
    ["{{foo:1}}", "{{schema:1 schema:1}}", "{{sum: 1}}", "{{buckets:[a]}}", "{{nothing}}", "{{counter_reset_hint:no}}"],
)
def test_a_broken_notation_is_refused(text: str) -> None:
    with pytest.raises(NotationError):
        parse_histogram(text)
