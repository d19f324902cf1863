"""Each rule of PromQL functions is broken by one function, caught and named; sound ones keep all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.core.testing.contracts.breaking import own_rules, plugin, verdict_of

from narthex.kinds import PromqlFunction
from narthex.testing.contract import FunctionContract
from narthex.testing.rigs import FunctionRig


def rig(compute, args=("vector",), **more):
    one = PromqlFunction("odd", args, compute, summary="Odd", **more)
    return type("Rig", (FunctionRig,), {"plugin": plugin("narthex_promql_functions", one), "kind": "odd"})()


def double(values):
    return values * 2


def count(window):
    counts = window.spread(window.counts)
    return counts.astype(float), counts > 0


def count_everywhere(window):
    """Has a result for empty windows too, if the engine happens to look at them."""
    return window.spread(window.counts).astype(float), None


class TestOverValues(FunctionContract):
    @pytest.fixture
    def rig(self):
        return rig(double)


class TestOverValuesWithScalar(FunctionContract):
    @pytest.fixture
    def rig(self):
        return rig(lambda values, scalar: values + scalar, ("vector", "scalar"))


class TestOverWindows(FunctionContract):
    @pytest.fixture
    def rig(self):
        return rig(count, ("matrix",), over="windows")


class TestOverCalls(FunctionContract):
    @pytest.fixture
    def rig(self):
        return rig(lambda invocation: np.full(invocation.steps.count, 4.0), (), over="call", returns="scalar")


def flat(values):
    return values.sum(axis=0)


def first_cell(values):
    return values * values.flat[0]


def along_steps(values):
    return np.cumsum(np.nan_to_num(values, posinf=1, neginf=1), axis=0)


def across_series(values):
    return values - np.nanmax(values, axis=1, keepdims=True, initial=-1)


CALLS = itertools.count()


def counting(values):
    return values * 0 + next(CALLS)


def in_place(values):
    values *= 2
    return values


BREAKERS = [
    ("function/evaluates", flat, "returned an array of shape"),
    ("function/empty", first_cell, "failed: IndexError"),
    ("function/steps", along_steps, "odd(m) depends on the other steps"),
    ("function/series", across_series, "odd(m) depends on the other series"),
    ("function/repeatable", counting, "answers differently when asked again"),
    ("function/pure", in_place, "writes to an array"),
]


def test_a_function_over_windows_has_to_say_where_its_result_is():
    verdict = verdict_of("function/steps", rig(count_everywhere, ("matrix",), over="windows"))
    assert "odd(m[2m]) depends on the other steps" in verdict.what


def test_every_rule_has_a_function_that_breaks_it():
    assert {rule for rule, _, _ in BREAKERS} == own_rules("function")


@pytest.mark.parametrize(("rule", "compute", "what"), BREAKERS, ids=lambda one: getattr(one, "__name__", one))
def test_a_function_that_breaks_the_rule_is_caught(rule, compute, what):
    verdict = verdict_of(rule, rig(compute))
    assert verdict.state == "broken"
    assert what in verdict.what
