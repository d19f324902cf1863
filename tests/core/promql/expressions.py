"""Hypothesis strategies for PromQL expressions that are well typed, as trees."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from narthex.model.matcher import Matcher, MatchOp
from narthex.promql.ast import (
    AggregateExpr,
    At,
    BinaryExpr,
    Call,
    DurationExpr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
)
from narthex.promql.valuetype import ValueType

__all__ = ["expressions"]

names = st.sampled_from(["up", "sum", "by", "offset", "http_requests_total", "a:b", "start", "fill", "anchored"])
labels = st.sampled_from(["job", "on", "le", "my.label", "ünï", "bool"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
operators = st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL])
matchers = st.builds(Matcher, operators, labels, texts) | st.builds(
    Matcher, st.just(MatchOp.REGEX), labels, st.just("a|b.+")
)
milliseconds = st.integers(1, 10**12)
moments = (
    st.none()
    | st.sampled_from([At("start"), At("end")])
    | st.builds(At, st.just("timestamp"), st.integers(-(10**13), 10**13))
)
numbers = st.builds(NumberLiteral, st.floats(min_value=0, allow_nan=False)) | st.just(NumberLiteral(math.inf))
strings = st.builds(StringLiteral, texts)


def _computed(inner: Any) -> Any:
    operand = inner.map(lambda one: one if isinstance(one, NumberLiteral) else _wrap(one))
    ops = st.sampled_from(["+", "-", "*", "/", "%", "^"])
    return st.builds(DurationExpr, ops, operand, operand.filter(lambda one: getattr(one, "value", 1) != 0)) | st.builds(
        DurationExpr, st.sampled_from(["min_of", "max_of"]), operand, operand
    )


def _wrap(one: DurationExpr) -> DurationExpr:
    return DurationExpr(one.op, one.lhs, one.rhs, wrapped=True)


_seconds = st.builds(NumberLiteral, st.integers(1, 10**6).map(float))
durations = st.recursive(
    _seconds | st.sampled_from([DurationExpr("step()"), DurationExpr("range()")]), _computed, max_leaves=4
)
durations = durations.filter(lambda one: isinstance(one, DurationExpr))


@st.composite
def selectors(draw: Any) -> VectorSelector:
    name = draw(names | st.just(""))
    found = draw(st.lists(matchers, max_size=3))
    found.sort(key=str)
    if not name:
        found = [Matcher(MatchOp.EQUAL, "__name__", draw(texts.filter(bool)))]
    else:
        found.append(Matcher(MatchOp.EQUAL, "__name__", name))
    offset = draw(st.just(0) | milliseconds | milliseconds.map(lambda value: -value))
    computed = None if offset else draw(st.none() | durations.map(_wrap))
    return VectorSelector(name, _ordered(found, name), offset, computed, draw(moments), anchored=draw(st.booleans()))


def _ordered(found: list[Matcher], name: str) -> tuple[Matcher, ...]:
    """In the order in which they print, so that a round trip keeps it."""
    from narthex.promql.printer import to_text

    shown = found[:-1] if name else found
    keyed = sorted(shown, key=lambda one: to_text(VectorSelector("", (one,))))
    return (*keyed, found[-1]) if name else tuple(keyed)


@st.composite
def matrices(draw: Any) -> MatrixSelector:
    length = draw(milliseconds)
    computed = draw(st.none() | durations)
    return MatrixSelector(draw(selectors()), 0 if computed else length, computed)


@st.composite
def binaries(draw: Any, vectors: Any) -> ParenExpr:
    on, grouped = draw(st.booleans()), draw(st.sampled_from([None, "many-to-one", "one-to-many"]))
    matched = tuple(draw(st.lists(labels, max_size=2, unique=True)))
    include = tuple(one for one in draw(st.lists(labels, max_size=2, unique=True)) if one not in matched)
    fill = draw(st.none() | st.floats(allow_nan=False))
    matching = VectorMatching(
        grouped or "one-to-one", matched, on, include if grouped else (), fill, draw(st.none() | st.just(1.5))
    )
    op = draw(st.sampled_from(["+", "-", "*", "/", "%", "^", "atan2", "==", "<", ">=", "</", ">/"]))
    return_bool = op in {"==", "<", ">="} and draw(st.booleans())
    return ParenExpr(BinaryExpr(op, draw(vectors), draw(vectors), matching, return_bool))


@st.composite
def sets(draw: Any, vectors: Any) -> ParenExpr:
    matched = tuple(draw(st.lists(labels, max_size=2, unique=True)))
    matching = VectorMatching("many-to-many", matched, on=draw(st.booleans()))
    return ParenExpr(BinaryExpr(draw(st.sampled_from(["and", "or", "unless"])), draw(vectors), draw(vectors), matching))


@st.composite
def aggregations(draw: Any, vectors: Any) -> AggregateExpr:
    op = draw(st.sampled_from(["sum", "topk", "count_values"]))
    param = {"topk": numbers, "count_values": strings}.get(op)
    without = draw(st.booleans())
    grouping = tuple(draw(st.lists(labels, max_size=2)))
    return AggregateExpr(op, draw(vectors), None if param is None else draw(param), grouping, without)


def _compound(vectors: Any) -> Any:
    subqueries = st.builds(
        SubqueryExpr,
        vectors.map(ParenExpr),
        milliseconds,
        st.none(),
        st.just(0) | milliseconds,
        st.none(),
        milliseconds,
    )
    rates = st.builds(lambda matrix: Call("rate", (matrix,), ValueType.VECTOR), matrices() | subqueries)
    return (
        binaries(vectors)
        | sets(vectors)
        | aggregations(vectors)
        | rates
        | vectors.map(ParenExpr)
        | vectors.map(lambda one: ParenExpr(UnaryExpr("-", ParenExpr(one))))
        | st.builds(lambda one, low: Call("clamp_min", (one, low), ValueType.VECTOR), vectors, numbers)
    )


def expressions() -> Any:
    """Any expression."""
    vectors = st.recursive(selectors(), _compound, max_leaves=6)
    return vectors | numbers | strings | matrices()
