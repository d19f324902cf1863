"""What a traced query tells of its nodes."""

from __future__ import annotations

import pytest

from narthex.promql.engine import Engine
from narthex.promql.engine.query import Steps


def nodes(node, depth=0):
    yield depth, node.what
    for child in node.children:
        yield from nodes(child, depth + 1)


@pytest.fixture
def engine(storage):
    for cpu in ("0", "1"):
        storage.add("x_total", {t * 1000: float(t) for t in range(0, 60, 10)}, cpu=cpu)
    return Engine(storage)


def plan(engine, text, time=50_000):
    return engine.explain(text, Steps.every(time, time, 0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(x_total)", [(0, "x_total")]),
        ("-x_total", [(0, "unary -"), (1, "x_total")]),
        ("sum by (cpu) (x_total) > bool 2", [(0, "> bool"), (1, "sum by (cpu)"), (2, "x_total")]),
        ("x_total + x_total + x_total", [(0, "+"), (1, "x_total"), (1, "x_total"), (1, "x_total")]),
        (
            "max_over_time(rate(x_total[20s])[30s:10s])",
            [(0, "max_over_time()"), (1, "subquery [30s:10s]"), (2, "rate()"), (3, "x_total[20s]")],
        ),
    ],
)
def test_a_plan_has_the_nodes_of_the_expression(engine, text, expected):
    assert list(nodes(plan(engine, text)[1])) == expected


def test_the_value_is_that_of_an_untraced_query(engine):
    result, _ = plan(engine, "sum(x_total)")
    assert result.value.values.tolist() == engine.instant("sum(x_total)", 50_000).value.values.tolist() == [100.0]


def test_samples_of_a_subquery_are_counted_once(engine):
    assert engine.instant("max_over_time(x_total[30s:10s])", 50_000).stats.samples == 6
    assert engine.instant("x_total[30s:10s]", 50_000).stats.samples == 6


def test_samples_are_counted_by_step(engine):
    stats = engine.range("sum_over_time(x_total[20s])", 0, 20_000, 10_000).stats
    assert stats.by_step.tolist() == [2, 4, 4]
