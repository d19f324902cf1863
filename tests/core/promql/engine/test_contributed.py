"""Functions of plugins in queries: all series and steps at once, and named when they fail."""

from __future__ import annotations

import numpy as np
import pytest

from narthex.errors import ParseError, QueryError
from narthex.kinds import PromqlFunction
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.promql.contributed import with_plugins
from narthex.promql.engine import Engine
from narthex.promql.engine.functions import STANDARD
from narthex.promql.engine.functions.contributed import standard_and
from narthex.promql.engine.vector import Vector
from narthex.promql.parser import ALL_OPTIONS, parse

ORIGIN = Origin("maths", "acme-maths", "1.2")


def catalog(*functions):
    return Catalog(promql={one.name: Contribution(one, ORIGIN) for one in functions})


@pytest.fixture
def engine(storage):
    """A function that gives an engine with a plugin's functions, over two series of six samples."""
    for second in range(0, 60, 10):
        storage.add("m", {second * 1000: float(second)}, host="a")
        storage.add("m", {second * 1000: float(-second)}, host="b")

    def make(*functions):
        known = catalog(*functions)
        return Engine(storage, options=with_plugins(known, ALL_OPTIONS), functions=standard_and(known))

    return make


def answers(value):
    """Of a range query: by labels, the samples as time (ms) and value."""
    rows = zip(value.labels.all_labels(), value.offsets[:-1], value.offsets[1:], strict=True)
    return {
        str(one): dict(zip(value.times[low:high].tolist(), value.values[low:high].tolist(), strict=True))
        for one, low, high in rows
    }


def test_a_function_of_values_is_called_once_for_all_series_and_steps(engine):
    shapes = []

    def squash(values, ceiling):
        shapes.append((values.shape, ceiling.shape))
        return np.minimum(np.abs(values), ceiling)

    one = engine(PromqlFunction("squash", ("vector", "scalar"), squash))
    found = answers(one.range("squash(m, 25)", 0, 30_000, 10_000).value)
    assert found == {one: {0: 0, 10_000: 10, 20_000: 20, 30_000: 25} for one in ['{host="a"}', '{host="b"}']}
    assert shapes == [((4, 2), (4, 1))]


def test_an_optional_scalar_may_be_left_out(engine):
    one = engine(PromqlFunction("plus", ("vector", "scalar"), lambda values, by=1.0: values + by, variadic=1))
    assert one.instant("plus(m{host='a'})", 0).value.values.tolist() == [1.0]
    assert one.instant("plus(m{host='a'}, 5)", 0).value.values.tolist() == [5.0]
    with pytest.raises(ParseError, match=r"expected at most 2 argument\(s\) in call to \"plus\", got 3"):
        one.instant("plus(m, 1, 2)", 0)


def test_a_function_of_windows_gets_the_window_and_says_where_it_has_a_result(engine):
    def spread(window, factor):
        values = window.block.values
        return (window.reduce(np.fmax, values) - window.reduce(np.fmin, values)) * factor, window.at_least(2)

    one = engine(PromqlFunction("spread", ("scalar", "matrix"), spread, over="windows"))
    found = answers(one.range("spread(2, m[25s])", 0, 20_000, 10_000).value)
    assert found == {one: {10_000: 20, 20_000: 40} for one in ['{host="a"}', '{host="b"}']}


def test_a_function_of_the_call_may_do_anything(engine):
    def total(invocation):
        vector = invocation.vector(0)
        return np.where(vector.mask(), vector.values, 0.0).sum(axis=1)

    def renamed(invocation):
        vector = invocation.vector(0)
        return Vector(vector.labels.drop(("host",)), vector.values, vector.present).take(np.array([0]))

    one = engine(
        PromqlFunction("total", ("vector",), total, over="call", returns="scalar"),
        PromqlFunction("first_of", ("vector", "string"), renamed, over="call", variadic=-1),
    )
    assert one.instant("total(m) + 1", 30_000).value.value == 1.0
    assert answers(one.range("first_of(m)", 0, 10_000, 10_000).value) == {'{__name__="m"}': {0: 0.0, 10_000: 10.0}}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("squash(m[5m])", r"expected type instant vector in call to function \"squash\", got range vector"),
        ("squash(m, 1)", r"expected 1 argument\(s\) in call to \"squash\", got 2"),
        ("squish(m)", 'unknown function with name "squish"'),
    ],
)
def test_a_wrong_call_is_told_as_for_the_functions_of_the_language(engine, query, problem):
    with pytest.raises(ParseError, match=problem):
        engine(PromqlFunction("squash", ("vector",), np.abs)).instant(query, 0)


def broken(result):
    def compute(*_):
        if isinstance(result, BaseException):
            raise result
        return result

    return compute


@pytest.mark.parametrize(
    ("over", "result", "problem"),
    [
        ("values", ZeroDivisionError("by zero"), "failed: ZeroDivisionError: by zero"),
        ("values", SystemExit(3), "failed: SystemExit: 3"),
        ("values", [1.0], "returned a list, expected an array of float64"),
        ("values", np.zeros((1, 2), dtype=np.float32), "returned an array of float32, expected an array of float64"),
        ("values", np.zeros((2, 1)), r"returned an array of shape \(2, 1\), expected \(1, 2\)"),
        ("windows", np.zeros((1, 2)), "returned an array of float64, expected values and where they are"),
        ("windows", (np.zeros((1, 2)), np.zeros((1, 2))), "expected None or a bool array"),
        ("windows", (np.zeros((1, 2)), np.ones(1, dtype=bool)), r"expected \(1, 2\)"),
        ("windows", (np.zeros(2), None), r"returned an array of shape \(2,\), expected \(1, 2\)"),
        ("call", np.zeros((1, 2)), "returned an array of float64, expected a Vector"),
        ("call", Vector.single(np.zeros(3)), r"returned a Vector of shape \(3, 1\), expected \(1, 1\)"),
    ],
)
def test_what_goes_wrong_names_function_and_plugin(engine, over, result, problem):
    argument = {"windows": "matrix"}.get(over, "vector")
    one = engine(PromqlFunction("odd", (argument,), broken(result), over=over))
    query = "odd(m[1m])" if over == "windows" else "odd(m)"
    with pytest.raises(QueryError, match=rf"^function odd of plugin maths \(acme-maths 1\.2\) .*{problem}"):
        one.instant(query, 10_000)


def test_what_is_handed_in_cannot_be_changed(engine):
    def halve(values):
        values /= 2
        return values

    one = engine(PromqlFunction("halve", ("vector",), halve))
    with pytest.raises(QueryError, match=r"function halve of plugin maths .* read-only"):
        one.instant("halve(m)", 10_000)
    assert one.instant('m{host="a"}', 10_000).value.values.tolist() == [10.0]


def test_an_error_of_the_query_keeps_its_own_text(engine):
    one = engine(PromqlFunction("odd", ("vector",), broken(QueryError("the base must not be 1"))))
    with pytest.raises(QueryError, match=r"^the base must not be 1$"):
        one.instant("odd(m)", 0)


def test_metric_names_are_taken_away_and_what_becomes_equal_is_an_error(engine, storage):
    storage.add("other", {0: 1.0}, host="a")
    one = engine(PromqlFunction("squash", ("vector",), np.abs))
    with pytest.raises(QueryError, match="same labelset"):
        one.instant('squash({host="a"})', 0)


def test_the_language_wins_over_a_plugin_and_is_unchanged_without_one():
    imposter = catalog(PromqlFunction("abs", ("scalar",), np.abs))
    assert standard_and(imposter)["abs"] is STANDARD["abs"]
    assert parse("abs(m)", options=with_plugins(imposter)) == parse("abs(m)")
    assert with_plugins(Catalog(), ALL_OPTIONS) is ALL_OPTIONS
