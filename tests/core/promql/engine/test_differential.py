"""The vectorised engine against a deliberately simple one: one step and one series at a time, in plain Python."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.promql.engine.differential import (
    COMMON,
    LOOKBACK,
    RANGE_FUNCTIONS,
    REGULAR,
    STEPS,
    answers,
    assert_same,
    bounds,
    compare,
    least,
    most,
    nameless,
    newest,
    selected,
    variance,
    window,
    worlds,
)

from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex.promql.engine import Engine, latest, windows
from narthex.promql.engine import window as window_module


@COMMON
@given(worlds(), STEPS)
def test_instant_selectors_find_the_newest_sample(world, steps):
    compare(world, "m", lambda t: selected(world, "m", t), bounds(steps))


@COMMON
@given(worlds(), STEPS)
def test_timestamp_gives_the_time_of_the_newest_sample(world, steps):
    def expected(t):
        found = {}
        for labels, samples in zip(world.labels, world.samples, strict=True):
            if labels["__name__"] == "m" and newest(samples, t) is not None:
                found[nameless(labels)] = max(when for when in samples if when <= t) / 1000
        return found

    compare(world, "timestamp(m)", expected, bounds(steps))


@pytest.mark.parametrize("query", RANGE_FUNCTIONS)
@settings(COMMON, max_examples=60)
@given(world=worlds(), steps=STEPS, span=st.sampled_from([5_000, 25_000, 60_000]))
def test_range_functions_agree_with_the_simple_engine(query, world, steps, span):
    keeps_name = query.startswith(("last_over_time", "first_over_time"))

    def expected(t):
        found = {}
        for labels, samples in zip(world.labels, world.samples, strict=True):
            value = RANGE_FUNCTIONS[query](window(samples, t, span), t, span)
            if labels["__name__"] == "m" and value is not None:
                found[labels if keeps_name else nameless(labels)] = value
        return found

    compare(world, query.replace("SPAN", f"{span}ms"), expected, bounds(steps))


@COMMON
@given(worlds(), STEPS)
def test_small_batches_change_nothing(world, steps):
    start, end, step = bounds(steps)
    queries = ("m", "rate(m[25s])", "quantile_over_time(0.3, m[60s])", "sum_over_time(m[40s])")
    whole = [answers(Engine(world, lookback=LOOKBACK).range(query, start, end, step).value) for query in queries]
    with pytest.MonkeyPatch.context() as patch:
        for module, cells in ((windows, 7), (window_module, 5), (latest, 3)):
            patch.setattr(module, "_CELLS", cells)
        for query, expected in zip(queries, whole, strict=True):
            assert_same(answers(Engine(world, lookback=LOOKBACK).range(query, start, end, step).value), expected, query)


def anchored_increase(samples, t, span) -> float | None:
    inside = window(samples, t, span)
    if not inside:
        return None
    points = window(samples, t - span, LOOKBACK)[-1:] + inside
    return points[-1][1] - points[0][1] + sum(a for (_, a), (_, b) in pairwise(points) if b < a)


def on_line(first, second, moment) -> float:
    (t0, a), (t1, b) = first, second
    if b < a:
        a = 0.0
    return a + (b - a) * ((moment - t0) / (t1 - t0))


def smoothed_increase(samples, t, span) -> float | None:
    start = t - span
    before, inside = window(samples, start, LOOKBACK)[-1:], window(samples, t, span)
    behind = window(samples, t + LOOKBACK, LOOKBACK)[:1]
    points = before + inside + behind
    if not inside and not (before and behind):
        return None
    left, right = points[0][1], points[-1][1]
    if before and before[0][0] < start:
        left = points[1][1] if len(points) == 1 else on_line(points[0], points[1], start)
    if behind:
        right = points[-2][1] if points[-2][0] == t else on_line(points[-2], points[-1], t)
    chain = [left, *(value for when, value in inside if when < t), right]
    return right - left + sum(a for a, b in pairwise(chain) if b < a)


@pytest.mark.parametrize(
    ("query", "simple"),
    [("increase(m[SPAN] anchored)", anchored_increase), ("increase(m[SPAN] smoothed)", smoothed_increase)],
)
@settings(COMMON, max_examples=150)
@given(world=worlds(cells=REGULAR), steps=STEPS, span=st.sampled_from([5_000, 25_000, 60_000]))
def test_extended_ranges_agree_with_the_simple_engine(query, simple, world, steps, span):
    def expected(t):
        found = {}
        for labels, samples in zip(world.labels, world.samples, strict=True):
            value = simple(samples, t, span)
            if labels["__name__"] == "m" and value is not None:
                found[nameless(labels)] = value
        return found

    compare(world, query.replace("SPAN", f"{span}ms"), expected, bounds(steps))


AGGREGATIONS = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": least,
    "max": most,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stdvar": variance,
}


@pytest.mark.parametrize("op", AGGREGATIONS)
@pytest.mark.parametrize("clause", ["by (job)", "without (i)", ""])
@settings(COMMON, max_examples=40)
@given(world=worlds(), steps=STEPS)
def test_aggregations_agree_with_the_simple_engine(op, clause, world, steps):
    def expected(t):
        groups: dict[Labels, list[float]] = {}
        for labels, value in selected(world, "m", t).items():
            key = Labels({"job": labels["job"]}) if clause else Labels()
            groups.setdefault(key, []).append(value)
        return {labels: AGGREGATIONS[op](values) for labels, values in groups.items()}

    compare(world, f"{op} {clause} (m)", expected, bounds(steps))


@settings(COMMON, max_examples=60)
@given(world=worlds(), steps=STEPS, k=st.integers(0, 3))
def test_topk_keeps_the_largest_of_each_group(world, steps, k):
    def expected(t):
        groups: dict[str, list[tuple[Labels, float]]] = {}
        for labels, value in selected(world, "m", t).items():
            groups.setdefault(labels["job"], []).append((labels, value))
        kept = {}
        for members in groups.values():
            members.sort(key=lambda one: (math.isnan(one[1]), -one[1] if not math.isnan(one[1]) else 0))
            kept.update(members[:k])
        return kept

    compare(world, f"topk by (job) ({k}, m)", expected, bounds(steps))


@pytest.mark.parametrize("op", ["+", ">", "and", "or", "unless"])
@settings(COMMON, max_examples=60)
@given(world=worlds(), steps=STEPS)
def test_binary_operators_match_series_by_labels(op, world, steps):
    def expected(t):
        left, right = selected(world, "m", t), selected(world, "n", t)
        partner = {labels["i"]: value for labels, value in right.items()}
        mine = {labels["i"] for labels in left}
        match op:
            case "+":
                pairs = ((labels, value) for labels, value in left.items() if labels["i"] in partner)
                return {Labels({"i": labels["i"]}): value + partner[labels["i"]] for labels, value in pairs}
            case ">":
                pairs = ((labels, value) for labels, value in left.items() if labels["i"] in partner)
                return {Labels({"i": one["i"]}): value for one, value in pairs if value > partner[one["i"]]}
            case "and":
                return {labels: value for labels, value in left.items() if labels["i"] in partner}
            case "unless":
                return {labels: value for labels, value in left.items() if labels["i"] not in partner}
            case _:
                return left | {labels: value for labels, value in right.items() if labels["i"] not in mine}

    compare(world, f"m {op} on (i) n", expected, bounds(steps))


@COMMON
@given(worlds(), STEPS)
def test_many_to_one_refuses_ambiguity_and_copies_labels(world, steps):
    start, end, step = bounds(steps)

    def expected(t):
        ones = selected(world, "n", t)
        jobs = [labels["job"] for labels in ones]
        many = selected(world, "m", t)
        if many and len(set(jobs)) < len(jobs):
            raise QueryError("ambiguous")
        partner = {labels["job"]: value for labels, value in ones.items()}
        return {nameless(one): value * partner[one["job"]] for one, value in many.items() if one["job"] in partner}

    try:
        for t in range(start, end + 1, step):
            expected(t)
    except QueryError:
        with pytest.raises(QueryError, match="found duplicate series for the match group"):
            Engine(world, lookback=LOOKBACK).range("m * on (job) group_left n", start, end, step)
    else:
        compare(world, "m * on (job) group_left n", expected, (start, end, step))


@COMMON
@given(worlds(cells=REGULAR), STEPS, st.sampled_from([20_000, 45_000]))
def test_subqueries_evaluate_at_multiples_of_their_step(world, steps, span):
    def expected(t):
        found = {}
        for labels, samples in zip(world.labels, world.samples, strict=True):
            if labels["__name__"] != "m":
                continue
            first = ((t - span) // 8_000 + 1) * 8_000
            seen = [newest(samples, when) for when in range(first, t + 1, 8_000)]
            values = [value for value in seen if value is not None]
            if values:
                found[nameless(labels)] = sum(values)
        return found

    compare(world, f"sum_over_time(m[{span}ms:8s])", expected, bounds(steps))
