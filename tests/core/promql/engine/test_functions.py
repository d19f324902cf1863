"""Functions, operators and aggregations on small data with answers worked out by hand."""

from __future__ import annotations

import math

import pytest

from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex.promql.engine import Engine, Semantics

NAN = math.nan


@pytest.fixture
def engine(storage) -> Engine:
    for second in range(0, 101, 10):
        at = second * 1000
        storage.add("up_total", {at: float(second)}, job="a")
        storage.add("reset_total", {at: float(second % 40)}, job="a")
        storage.add("flat", {at: 7.0}, job="a")
    storage.add("gauge", {100_000: -2.5}, job="a", v="x-1")
    storage.add("gauge", {100_000: NAN}, job="b", v="x-2")
    storage.add("gauge", {100_000: 3.0}, job="c", v="y")
    storage.add("limit", {100_000: 10.0}, job="a", team="core")
    storage.add("target_info", {100_000: 1.0}, job="a", version="2")
    for bound, count in (("0.1", 1.0), ("1", 3.0), ("1e1", 4.0), ("+Inf", 4.0)):
        storage.add("d_bucket", {100_000: count}, le=bound)
    return Engine(storage)


def answer(engine: Engine, query: str) -> dict[str, float]:
    value = engine.instant(query, 100_000).value
    return {str(one): value for one, value in zip(value.labels.all_labels(), value.values.tolist(), strict=True)}


def expected(found: dict[str, float]) -> dict[str, float]:
    return {key: pytest.approx(value, nan_ok=True) for key, value in found.items()}


CASES = {
    # counters
    "rate(up_total[60s])": {'{job="a"}': 1.0},
    "increase(reset_total[60s])": {'{job="a"}': 48.0},
    "resets(reset_total[90s])": {'{job="a"}': 2.0},
    "changes(flat[60s])": {'{job="a"}': 0.0},
    "irate(reset_total[60s])": {'{job="a"}': 1.0},
    "increase(up_total[25s] anchored)": {'{job="a"}': 30.0},
    "increase(up_total[25s] smoothed)": {'{job="a"}': 25.0},
    "rate(up_total[25s] smoothed)": {'{job="a"}': 1.0},
    "resets(reset_total[15s] anchored)": {'{job="a"}': 0.0},
    "up_total offset 15s smoothed": {'{__name__="up_total", job="a"}': 85.0},
    # over time
    "avg_over_time(up_total[30s])": {'{job="a"}': 90.0},
    "stddev_over_time(flat[60s])": {'{job="a"}': 0.0},
    "quantile_over_time(0.5, up_total[40s])": {'{job="a"}': 85.0},
    "mad_over_time(up_total[50s])": {'{job="a"}': 10.0},
    "ts_of_max_over_time(reset_total[60s])": {'{job="a"}': 70.0},
    "deriv(up_total[60s])": {'{job="a"}': 1.0},
    "predict_linear(up_total[60s], 100)": {'{job="a"}': 200.0},
    "double_exponential_smoothing(up_total[60s], 0.5, 0.5)": {'{job="a"}': 100.0},
    "sum_over_time(up_total[1m:30s])": {'{job="a"}': 150.0},
    # values
    "abs(gauge)": {'{job="a", v="x-1"}': 2.5, '{job="b", v="x-2"}': NAN, '{job="c", v="y"}': 3.0},
    "round(gauge, 2)": {'{job="a", v="x-1"}': -2.0, '{job="b", v="x-2"}': NAN, '{job="c", v="y"}': 4.0},
    "clamp(limit, 1, 5)": {'{job="a", team="core"}': 5.0},
    "clamp(limit, 5, 1)": {},
    "scalar(limit) + vector(1)": {"{}": 11.0},
    "vector(scalar(gauge))": {"{}": NAN},
    "month(vector(1700000000)) + day_of_week(vector(1700000000)) / 10": {"{}": 11.2},
    "clamp_max(gauge, -Inf)": dict.fromkeys(
        ('{job="a", v="x-1"}', '{job="b", v="x-2"}', '{job="c", v="y"}'), -math.inf
    ),
    "clamp_min(limit * Inf, NaN)": {'{job="a", team="core"}': math.inf},
    "clamp_min(limit, NaN)": {'{job="a", team="core"}': NAN},
    "vector(max_of(NaN, Inf)) - vector(min_of(-Inf, NaN))": {"{}": math.inf},
    "rad(vector(1e308))": {"{}": math.inf},
    "hour(vector(-0.5))": {"{}": 0.0},
    "minute(vector(-60.5))": {"{}": 59.0},
    "year(vector(1e12))": {"{}": 33658.0},
    "year(vector(NaN))": {"{}": NAN},
    # presence and labels
    'absent(nothing{job="x", other=~"y"})': {'{job="x"}': 1.0},
    "absent(limit)": {},
    "absent_over_time(nothing[5m])": {"{}": 1.0},
    'label_replace(limit, "job", "$1-$2", "team", "(c)(.*)")': {'{__name__="limit", job="c-ore", team="core"}': 10.0},
    'label_join(limit, "both", "/", "job", "team", "none")': {
        '{__name__="limit", both="a/core/", job="a", team="core"}': 10.0
    },
    "info(limit)": {'{__name__="limit", job="a", team="core", version="2"}': 10.0},
    # histograms
    "histogram_quantile(0.5, d_bucket)": {"{}": 0.55},
    "histogram_quantile(2, d_bucket)": {"{}": math.inf},
    "histogram_fraction(0, 0.1, d_bucket)": {"{}": 0.25},
    # aggregations
    "quantile(0.5, gauge)": {"{}": -2.5},
    "count_values('n', flat)": {'{n="7"}': 1.0},
    "count_values('n', -0 * flat)": {'{n="-0"}': 1.0},
    "count_values without (n) ('n', flat)": {'{job="a"}': 1.0},
    "count_values without (job) ('__name__', flat)": {"{}": 1.0},
    "max without (v) (gauge) > 0": {'{job="c"}': 3.0},
    "limitk(2, gauge)": {'{__name__="gauge", job="a", v="x-1"}': -2.5, '{__name__="gauge", job="b", v="x-2"}': NAN},
    # operators
    "gauge * on (job) group_left (team) limit": {'{job="a", team="core", v="x-1"}': -25.0},
    "limit == bool 10": {'{job="a", team="core"}': 1.0},
    "10 == limit": {'{__name__="limit", job="a", team="core"}': 10.0},
    "limit + on (job) fill (0) flat": {'{job="a"}': 17.0},
    "-limit": {'{job="a", team="core"}': -10.0},
    "limit unless on (job) flat": {},
    "-7 % limit": {'{job="a", team="core"}': -7.0},
}


@pytest.mark.parametrize("query", CASES)
def test_a_query_gives_its_answer(engine, query):
    assert answer(engine, query) == expected(CASES[query])


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('label_replace(limit, "x", "", "job", "(")', "invalid regular expression in label_replace(): ("),
        ('label_replace(gauge, "v", "", "v", ".*") + 0 * label_replace(gauge, "job", "", "", "")', None),
        ('label_join(gauge, "v", "", "none")', None),
        ("topk(NaN, gauge)", "Parameter value is NaN"),
        ("topk(1e30, gauge)", "Scalar value 1e+30 overflows int64"),
        ("limit_ratio(NaN, gauge)", "Ratio value is NaN"),
        ("double_exponential_smoothing(up_total[60s], 2, 0.5)", "invalid smoothing factor. Expected: 0 < sf < 1"),
        ("deriv(up_total[60s] anchored)", "anchored modifier can only be used with: changes, delta, increase, rate"),
        ("max_over_time(up_total[60s] smoothed)", "smoothed modifier can only be used with: delta, increase, rate"),
    ],
)
def test_a_query_fails_with_its_reason(engine, query, text):
    if text is None:
        answer(engine, query)  # distinct after all
        return
    with pytest.raises(QueryError) as caught:
        engine.instant(query, 100_000)
    assert str(caught.value).startswith(text)


def test_equal_label_sets_are_refused(engine):
    with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
        engine.instant('label_replace(label_replace(gauge, "v", "", "", ""), "job", "", "", "")', 100_000)
    with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
        engine.instant('-{__name__=~"flat|up_total"}', 100_000)


def test_a_ratio_and_its_complement_share_the_series_out(engine):
    every = set(answer(engine, "{job!=''}"))
    for ratio in (0.0, 0.25, 0.5, 0.9, 1.0):
        some, others = (set(answer(engine, f"limit_ratio({one}, {{job!=''}})")) for one in (ratio, ratio - 1))
        assert some | others == every
        assert not some & others or ratio == 1.0


def test_sort_is_ineffective_in_a_range_query(engine):
    result = engine.range("sort(gauge)", 90_000, 100_000, 10_000)
    assert result.warnings == (
        "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)",
    )


def test_sort_by_label_orders_naturally(storage):
    for name in ("h10", "h9", "h1"):
        storage.add("m", {0: 1.0}, host=name)
    found = Engine(storage).instant('sort_by_label_desc(m, "host")', 0).value.labels.all_labels()
    assert [one["host"] for one in found] == ["h10", "h9", "h1"]


def test_buckets_without_a_bound_are_left_out_with_a_warning(storage):
    storage.add("d", {0: 1.0}, le="oops")
    result = Engine(storage, semantics=Semantics(delayed_name_removal=True)).instant("histogram_quantile(0.5, d)", 0)
    assert result.value.labels.rows == 0
    assert result.warnings == (
        'PromQL warning: bucket label "le" is missing or has a malformed value of "oops" for metric name "d" (1:25)',
    )


def test_info_follows_a_label_that_changes(storage):
    storage.add("m", {0: 1.0, 60_000: 2.0}, job="a")
    storage.add("target_info", {0: 1.0}, job="a", version="1")
    storage.add("target_info", {60_000: 1.0}, job="a", version="2")
    result = Engine(storage, lookback=60_000).range("info(m)", 0, 60_000, 60_000)
    assert result.value.labels.all_labels() == [
        Labels({"__name__": "m", "job": "a", "version": "1"}),
        Labels({"__name__": "m", "job": "a", "version": "2"}),
    ]
    assert result.value.values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "kind", "by_label", "expected"),
    [
        ("a_total", "", False, None),
        ("a", "counter", False, 'name does not end in _total/_sum/_count/_bucket: "a"'),
        ("a", "counter", True, None),
        ("a_total", "gauge", True, '__type__ label is not set to "counter" or "histogram", got "gauge": "a_total"'),
    ],
)
def test_what_is_no_counter_is_known_by_name_or_with_the_feature_by_type(storage, name, kind, by_label, expected):
    storage.add(name, {0: 1.0, 1000: 2.0}, __type__=kind)
    engine = Engine(storage, semantics=Semantics(type_and_unit_labels=by_label))
    infos = engine.instant(f"rate({name}[10s])", 1000).infos
    assert infos == (() if expected is None else (f"PromQL info: metric might not be a counter, {expected} (1:6)",))


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ('info(m, {zone="z"})', None),  # the metric has the label itself: it is enriched by nothing, and stays
        ('info(m, {version=~".+"})', "2"),
        ('info(m, {version="3"})', "gone"),
    ],
)
def test_info_keeps_what_an_info_metric_matches(storage, query, version):
    storage.add("m", {0: 1.0}, job="a", zone="z")
    storage.add("target_info", {0: 1.0}, job="a", zone="z", version="2")
    found = Engine(storage).instant(query, 0).value.labels.all_labels()
    own = Labels({"__name__": "m", "job": "a", "zone": "z"})
    assert found == ([] if version == "gone" else [own.with_labels({"version": version} if version else {})])


def test_a_classic_histogram_of_nan_counts_has_its_quantiles_at_the_last_finite_bound(storage):
    for bound in ("1", "10", "+Inf"):
        storage.add("d", {0: NAN}, le=bound)
    assert Engine(storage).instant("histogram_quantile(0.5, d)", 0).value.values.tolist() == [10.0]
