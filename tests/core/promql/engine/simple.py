"""A deliberately simple PromQL: one step, one series, one sample at a time, in plain Python.

What it shares with the engine is the parser and the arithmetic of single histograms, which have tests of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.core.promql.engine.simple_samples import (
    AGGREGATIONS,
    ARITHMETIC,
    OF_SAMPLES,
    OVER_RANGES,
    Sample,
    Talk,
    operated,
)

from narthex.model.histogram import Hint, Histogram, negate
from narthex.model.labels import Labels
from narthex.model.matcher import MatchOp
from narthex.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
)

Vector = dict[Labels, Sample]
STALE = "stale"


class AmbiguousError(Exception):
    """The engine must refuse the query."""


@dataclass
class Data:
    """Samples by series and time; ``STALE`` ends a series."""

    series: dict[Labels, dict[int, Sample | str]] = field(default_factory=dict)
    lookback: int = 30_000


def put(vector: Vector, labels: Labels, value: Sample | None) -> None:
    if value is None:
        return
    if labels in vector:
        raise AmbiguousError(labels)
    vector[labels] = value


def compacted(sample: Sample | None) -> Sample | None:
    """Without empty buckets, as every computation leaves a histogram: dividing by NaN would fill them."""
    return sample.compact() if isinstance(sample, Histogram) else sample


def nameless(labels: Labels) -> Labels:
    return labels.without(["__name__"])


@dataclass
class Simple:
    """Answers for one query; ``start`` and ``end`` are those of the whole query."""

    data: Data
    start: int
    end: int
    talk: Talk = field(default_factory=Talk)

    def value(self, expr: Expr, t: int) -> Vector | float:
        match expr:
            case NumberLiteral():
                return expr.value
            case ParenExpr():
                return self.value(expr.expr, t)
            case VectorSelector():
                return self.selected(expr, t)
            case UnaryExpr():
                return self.signed(expr, t)
            case AggregateExpr():
                return self.aggregated(expr, t)
            case BinaryExpr():
                return self.operated(expr, t)
            case Call():
                return self.called(expr, t)
        raise AssertionError(expr)

    def vector(self, expr: Expr, t: int) -> Vector:
        found = self.value(expr, t)
        assert isinstance(found, dict)
        return found

    # --- selectors ---

    def moment(self, selector: VectorSelector | SubqueryExpr, t: int) -> int:
        if selector.at is not None:
            t = {"start": self.start, "end": self.end}.get(selector.at.kind, selector.at.timestamp)
        return t - selector.offset

    def matching(self, selector: VectorSelector) -> list[tuple[Labels, dict[int, Sample | str]]]:
        return [
            (labels, samples)
            for labels, samples in self.data.series.items()
            if all(one.matches(labels.get_or_empty(one.name)) for one in selector.matchers)
        ]

    def selected(self, selector: VectorSelector, t: int) -> Vector:
        t = self.moment(selector, t)
        found: Vector = {}
        for labels, samples in self.matching(selector):
            when = max((one for one in samples if t - self.data.lookback < one <= t), default=None)
            if when is not None and samples[when] != STALE:
                put(found, labels, samples[when])
        return found

    def windows(self, expr: Expr, t: int) -> tuple[dict[Labels, list[tuple[int, Sample]]], int, int]:
        """The samples of each series with their times, and the bounds of the window."""
        if isinstance(expr, MatrixSelector):
            end = self.moment(expr.selector, t)
            start = end - expr.range
            found = {
                labels: [(w, v) for w, v in sorted(samples.items()) if start < w <= end and v != STALE]
                for labels, samples in self.matching(expr.selector)
            }
            return found, start, end
        assert isinstance(expr, SubqueryExpr)
        end = self.moment(expr, t)
        start = end - expr.range
        assert expr.step is not None
        points: dict[Labels, list[tuple[int, Sample]]] = {}
        for when in range((start // expr.step + 1) * expr.step, end + 1, expr.step):
            value = self.value(expr.expr, when)
            for labels, one in (value if isinstance(value, dict) else {Labels(): value}).items():
                points.setdefault(labels, []).append((when, unhinted(one)))
        return points, start, end

    # --- nodes ---

    def signed(self, expr: UnaryExpr, t: int) -> Vector | float:
        value = self.value(expr.expr, t)
        if expr.op == "+":
            return value
        if not isinstance(value, dict):
            return -value
        return renamed({one: negate(v) if isinstance(v, Histogram) else -v for one, v in value.items()})

    def called(self, expr: Call, t: int) -> Vector:
        if expr.func in OVER_RANGES:
            windows, start, end = self.windows(expr.args[0], t)
            compute = OVER_RANGES[expr.func]
            found: Vector = {}
            for labels, points in windows.items():
                kept = labels if expr.func in {"last_over_time", "first_over_time"} else nameless(labels)
                if points:
                    self.talk.name = labels.get_or_empty("__name__")
                    value = compute(points, start, end, self.talk)
                    put(found, kept, value if kept is labels else compacted(value))
            return found
        if expr.func == "absent":
            return {} if self.vector(expr.args[0], t) else {fixed_labels(expr.args[0]): 1.0}
        *scalars, argument = expr.args
        parameters = [self.value(one, t) for one in scalars]
        compute = OF_SAMPLES[expr.func]
        result: Vector = {}
        for labels, sample in self.vector(argument, t).items():
            put(result, nameless(labels), compute(sample, *parameters, self.talk))
        return result

    def aggregated(self, expr: AggregateExpr, t: int) -> Vector:
        groups: dict[Labels, list[Sample]] = {}
        for labels, value in self.vector(expr.expr, t).items():
            kept = labels.without([*expr.grouping, "__name__"]) if expr.without else only(labels, expr.grouping)
            groups.setdefault(kept, []).append(value)
        found: Vector = {}
        for labels, samples in groups.items():
            put(found, labels, compacted(AGGREGATIONS[expr.op](samples, self.talk)))
        return found

    def operated(self, expr: BinaryExpr, t: int) -> Vector | float:
        left, right = self.value(expr.lhs, t), self.value(expr.rhs, t)
        if isinstance(left, dict) and isinstance(right, dict):
            assert expr.matching is not None
            return between_vectors(expr, expr.matching, left, right, self.talk)
        assert isinstance(left, dict) or isinstance(right, dict)
        found: Vector = {}
        for labels, sample in (left if isinstance(left, dict) else right).items():
            one, other = (sample, right) if isinstance(left, dict) else (left, sample)
            result = operated(expr.op, one, other, self.talk, return_bool=expr.return_bool)
            if result is True:  # a comparison holds: the vector's sample stays
                result = sample
            elif not isinstance(result, bool):
                result = compacted(result)
            put(found, nameless(labels) if renames(expr) else labels, None if result is False else result)
        return found


def fixed_labels(expr: Expr) -> Labels:
    """The labels that a selector fixes."""
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    matchers = expr.matchers if isinstance(expr, VectorSelector) else ()
    equal = [one for one in matchers if one.op is MatchOp.EQUAL and one.name != "__name__"]
    return Labels({one.name: one.value for one in equal})


def unhinted(sample: Sample) -> Sample:
    if isinstance(sample, Histogram) and sample.hint is not Hint.GAUGE:
        return sample.with_hint(Hint.UNKNOWN)
    return sample


def only(labels: Labels, names: Sequence[str]) -> Labels:
    return Labels({name: labels[name] for name in names if name in labels})


def renamed(vector: Vector) -> Vector:
    found: Vector = {}
    for labels, value in vector.items():
        put(found, nameless(labels), value)
    return found


# --- operators between vectors ---


def renames(expr: BinaryExpr) -> bool:
    return expr.return_bool or expr.op in ARITHMETIC


def between_vectors(expr: BinaryExpr, matching: VectorMatching, left: Vector, right: Vector, talk: Talk) -> Vector:
    def key(labels: Labels) -> Labels:
        return only(labels, matching.labels) if matching.on else labels.without([*matching.labels, "__name__"])

    others = {key(labels) for labels in right}
    if expr.op in {"and", "unless"}:
        return {labels: v for labels, v in left.items() if (key(labels) in others) == (expr.op == "and")}
    if expr.op == "or":
        mine = {key(labels) for labels in left}
        return left | {labels: v for labels, v in right.items() if key(labels) not in mine}
    if left and len(others) < len(right):
        raise AmbiguousError("right")
    partners = {key(labels): value for labels, value in right.items()}
    found: Vector = {}
    matched: Vector = {}
    for labels, value in left.items():
        other = partners.get(key(labels))
        if other is None:
            continue
        result = operated(expr.op, value, other, talk, return_bool=expr.return_bool)
        result = value if result is True else compacted(result) if not isinstance(result, bool) else result
        if result is None or result is False:
            continue
        put(matched, key(labels), 1.0)  # a second one of the same key is a many-to-one match
        kept = only(labels, matching.labels) if matching.on else labels.without(matching.labels)
        put(found, nameless(kept) if renames(expr) else kept, result)
    return found
