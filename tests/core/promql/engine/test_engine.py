"""The engine's own promises: limits, errors, order, annotations, caching."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from narthex.errors import (
    ParseError,
    QueryCancelledError,
    QueryError,
    QueryLimitError,
    QueryTimeoutError,
)
from narthex.promql.engine import Engine, Limits, Semantics
from narthex.promql.value import InstantVector, RangeVector, Scalar, String


def labels_of(result) -> list[dict[str, str]]:
    return [dict(one) for one in result.value.labels.all_labels()]


def test_an_instant_query_gives_each_series_newest_value(storage):
    storage.add("up", {1000: 0.0, 2000: 1.0}, job="a")
    result = Engine(storage).instant("up", 2500)
    assert isinstance(result.value, InstantVector)
    assert labels_of(result) == [{"__name__": "up", "job": "a"}]
    assert result.value.values.tolist() == [1.0]
    assert result.value.time == 2500
    assert result.stats.samples == 1


def test_the_lookback_is_open_at_its_start(storage):
    storage.add("up", {1000: 1.0})
    engine = Engine(storage, lookback=500)
    assert len(labels_of(engine.instant("up", 1499))) == 1
    assert labels_of(engine.instant("up", 1500)) == []
    assert storage.asked[-1] == (1001, 1500)


def test_a_query_may_choose_its_lookback(storage):
    storage.add("up", {1000: 1.0})
    assert len(labels_of(Engine(storage, lookback=10).instant("up", 1400, lookback=500))) == 1


def test_range_results_are_sorted_by_labels_and_leave_out_absent_steps(storage):
    storage.add("m", {10_000: 2.0}, a="z")
    storage.add("m", {0: 1.0, 10_000: 3.0}, a="b")
    result = Engine(storage, lookback=5_000).range("m", 0, 20_000, 10_000)
    assert isinstance(result.value, RangeVector)
    assert [one["a"] for one in labels_of(result)] == ["b", "z"]
    assert result.value.offsets.tolist() == [0, 2, 3]
    assert result.value.times.tolist() == [0, 10_000, 10_000]
    assert result.value.values.tolist() == [1.0, 3.0, 2.0]


def test_scalars_strings_and_ranges_are_values_of_their_own(storage):
    storage.add("m", {1000: 1.0, 2000: 2.0})
    engine = Engine(storage)
    assert engine.instant("1 + 1", 5000).value == Scalar(2.0, 5000)
    assert engine.instant('("text")', 5000).value == String("text", 5000)
    window = engine.instant("m[1s]", 2000).value
    assert isinstance(window, RangeVector)
    assert window.times.tolist() == [2000]


def test_a_scalar_over_a_range_becomes_a_series_without_labels(storage):
    result = Engine(storage).range("time()", 0, 2000, 1000)
    assert labels_of(result) == [{}]
    assert result.value.values.tolist() == [0.0, 1.0, 2.0]


def test_a_range_query_wants_a_step_and_an_order(storage):
    engine = Engine(storage)
    with pytest.raises(QueryError, match="zero or negative query resolution"):
        engine.range("1", 0, 1000, 0)
    with pytest.raises(QueryError, match="end timestamp must not be before start"):
        engine.range("1", 1000, 0, 1000)
    with pytest.raises(ParseError, match='invalid expression type "range vector" for range query'):
        engine.range("m[5m]", 0, 1000, 1000)


def test_too_many_samples_are_refused(storage):
    for i in range(20):
        storage.add("m", {1000: 1.0, 2000: 2.0}, i=str(i))
    engine = Engine(storage, max_samples=30)
    engine.instant("m", 2000)
    for query in ("m", "rate(m[2s])"):
        with pytest.raises(QueryLimitError, match="would load too many samples into memory"):
            engine.range(query, 2000, 3000, 500)
    engine.range("m", 2000, 3000, 500, limits=Limits(max_samples=1000))


def test_too_many_steps_are_refused_before_they_are_made(storage):
    engine = Engine(storage)
    with pytest.raises(QueryLimitError):
        engine.range("1", 0, 10**15, 1)
    with pytest.raises(QueryLimitError):
        engine.instant("sum_over_time(vector(1)[100y:1ms])", 10**13)


def test_a_query_ends_at_its_deadline(storage):
    engine = Engine(storage, monotonic=lambda: 100.0)
    engine.instant("1", 0, limits=Limits(deadline=100.0))
    with pytest.raises(QueryTimeoutError, match="query timed out in expression evaluation"):
        engine.instant("1", 0, limits=Limits(deadline=99.9))


def test_a_query_ends_between_nodes_when_it_is_cancelled(storage):
    storage.add("m", {0: 1.0})
    asked = []
    limits = Limits(cancelled=lambda: len(asked) > 1 or asked.append(1) is not None)
    with pytest.raises(QueryCancelledError):
        Engine(storage).instant("m + m + m", 0, limits=limits)


def test_an_unknown_function_is_a_clear_error(storage):
    with pytest.raises(QueryError, match="unknown function abs"):
        Engine(storage, functions={}).instant("abs(m)", 0)


def test_texts_are_parsed_once(storage, monkeypatch):
    engine = Engine(storage)
    first = engine.parse("a + b")
    assert engine.parse("a + b") is first
    with pytest.raises(ParseError):
        engine.parse("a +")


def test_old_texts_are_forgotten(storage):
    engine = Engine(storage)
    first = engine.parse("a")
    for i in range(400):
        engine.parse(f"a{i}")
    assert engine.parse("a") is not first


def test_a_long_sum_does_not_overflow_the_stack(storage):
    storage.add("m", {0: 1.0})
    result = Engine(storage).instant("+".join(["m"] * 3000), 0)
    assert result.value.values.tolist() == [3000.0]


def test_deep_nesting_is_an_error_of_the_query(storage):
    deep = "abs(" * 5000 + "m" + ")" * 5000
    with pytest.raises(QueryError):
        Engine(storage).instant(deep, 0)


def test_ambiguous_matches_name_the_series(storage):
    storage.add("a", {0: 1.0}, job="x")
    storage.add("b", {0: 1.0}, job="x", i="1")
    storage.add("b", {0: 1.0}, job="x", i="2")
    engine = Engine(storage)
    with pytest.raises(QueryError) as caught:
        engine.instant("a + on (job) b", 0)
    assert str(caught.value) == (
        'found duplicate series for the match group {job="x"} on the right hand-side of the operation: '
        '[{__name__="b", i="2", job="x"}, {__name__="b", i="1", job="x"}]'
        ";many-to-many matching not allowed: matching labels must be unique on one side"
    )
    with pytest.raises(QueryError, match="many-to-one matching must be explicit"):
        engine.instant("b + on (job) a", 0)
    with pytest.raises(QueryError, match="on the left hand-side"):
        engine.instant("b + on (job) group_right a", 0)


def test_names_are_dropped_at_once_or_at_the_end(storage):
    storage.add("a_total", {0: 0.0, 1000: 1.0})
    storage.add("b_total", {0: 0.0, 1000: 2.0})
    query = 'sum by (__name__) (rate({__name__=~"._total"}[2s]))'
    with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
        Engine(storage).instant(query, 1000)
    result = Engine(storage, semantics=Semantics(delayed_name_removal=True)).instant(
        "rate(a_total[2s]) > on (__name__) 0 * a_total", 1000
    )
    assert labels_of(result) == [{}]


def test_annotations_tell_the_place_in_the_text(storage):
    storage.add("gauge", {0: 0.0, 1000: 1.0})
    result = Engine(storage).instant("1 +\n  rate(gauge[2s])", 1000)
    assert result.infos == (
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "gauge" (2:8)',
    )


def test_an_annotation_is_told_once_with_its_last_place(storage):
    storage.add("gauge", {0: 0.0, 1000: 1.0})
    result = Engine(storage).instant("quantile(2, gauge) + quantile(2, gauge)", 1000)
    assert result.warnings == ("PromQL warning: quantile value should be between 0 and 1, got 2 (1:31)",)


def test_topk_comes_best_first(storage):
    for i, value in enumerate([3.0, np.nan, 9.0, 5.0]):
        storage.add("m", {0: value}, i=str(i))
    result = Engine(storage).instant("topk(3, m)", 0)
    assert result.value.values.tolist() == [9.0, 5.0, 3.0]
    result = Engine(storage).instant("sort(m)", 0)
    assert result.value.values.tolist()[:3] == [3.0, 5.0, 9.0]


def test_at_start_and_end_mean_the_whole_query_inside_a_subquery_too(storage):
    storage.add("m", {0: 1.0, 60_000: 2.0, 120_000: 3.0})
    engine = Engine(storage)
    result = engine.range("m @ start()", 0, 120_000, 60_000)
    assert result.value.values.tolist() == [1.0, 1.0, 1.0]
    result = engine.range("max_over_time((m @ end())[1m:30s])", 0, 120_000, 60_000)
    assert result.value.values.tolist() == [3.0, 3.0, 3.0]


def test_an_engine_serves_several_threads_at_once(storage):
    for i in range(10):
        storage.add("m", {0: float(i)}, i=str(i))
    engine = Engine(storage)
    queries = [f"sum(m) + {i}" for i in range(300)] * 2  # more texts than the engine keeps
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query: engine.instant(query, 0).value.values.tolist(), queries))
    assert found == [[45.0 + i] for i in range(300)] * 2


@pytest.mark.parametrize("moment", [9223372036854775, -9223372036854775])
@pytest.mark.parametrize("offset", ["292y", "-292y"])
def test_moments_beyond_all_time_have_no_samples(storage, moment, offset):
    storage.add("m", {0: 1.0})
    engine = Engine(storage)
    when = f"@ {moment} offset {offset}"
    for query in (f"m {when}", f"timestamp(m {when})", f"rate(m[292y] {when})", f"max_over_time(m[292y:292y] {when})"):
        assert labels_of(engine.instant(query, 0)) == []


def test_a_duration_of_endless_terms_is_an_error_of_the_query(storage):
    with pytest.raises(QueryError, match="nested too deeply"):
        Engine(storage).instant(f"m[5m{'+1' * 20_000}]", 0)
