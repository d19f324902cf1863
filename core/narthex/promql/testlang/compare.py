"""Is a result what a script expects? Each check returns the first difference as text, or None.

Numbers are compared with the tolerance that Prometheus's runner uses; the wording of differences follows it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from narthex.model.histogram import Histogram, close_to, format_histogram
from narthex.model.labels import Labels
from narthex.model.number import format_value
from narthex.model.sample import STALE_NAN_BITS
from narthex.promql.strings import quote_go
from narthex.promql.testlang.script import Eval
from narthex.promql.testlang.series import SeriesLine
from narthex.promql.testlang.series import Value as Written
from narthex.promql.value import InstantVector, RangeVector, Scalar, String, Value

__all__ = ["close", "difference", "equals", "middle_of", "unsorted"]

_TOLERANCE = 1e-6
_SMALLEST_NORMAL = 2.2250738585072014e-308
_LARGEST = 1.7976931348623157e308

_Sample = float | Histogram


def close(expected: float, got: float) -> bool:
    """Whether two numbers are equal within the tolerance. A stale marker equals a stale marker only."""
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got) and _is_stale(expected) == _is_stale(got)
    if expected == got:
        return True
    expected, got = float(expected), float(got)  # numpy's scalars warn where a float quietly becomes infinite
    distance, total = abs(expected - got), abs(expected) + abs(got)
    if not expected or not got or total < _SMALLEST_NORMAL:
        return distance < _TOLERANCE * _SMALLEST_NORMAL
    return distance / min(total, _LARGEST) < _TOLERANCE


def _is_stale(value: float) -> bool:
    bits: int = np.array([value], dtype=np.float64).view(np.int64)[0]
    return bits == STALE_NAN_BITS


def equals(expected: Written, got: _Sample, *, hinted: bool = False) -> bool:
    """Whether a sample is what is expected; ``hinted`` says that a histogram's hint belongs to that."""
    if isinstance(expected, Histogram) and isinstance(got, Histogram):
        return close_to(expected, got, close) and (not hinted or expected.hint is got.hint)
    if expected is None or isinstance(expected, Histogram) or isinstance(got, Histogram):
        return False
    return close(expected, got)


@dataclass(frozen=True, slots=True)
class _Series:
    labels: Labels
    points: tuple[tuple[int, _Sample], ...]

    def described(self) -> str:
        return f"{self._listed('float', Histogram)} and {self._listed('histogram', float)}"

    def _listed(self, name: str, other: type) -> str:
        points = [f"{_spelled(value)} @[{when}]" for when, value in self.points if not isinstance(value, other)]
        return f"{_count(len(points), name)} [{' '.join(points)}]"


def _count(points: int, name: str) -> str:
    return f"{points} {name} point{'' if points == 1 else 's'}"


def _samples(value: InstantVector | RangeVector) -> list[_Sample]:
    """All samples of a result, in order. Floats stay numpy scalars, which keep the bits of a stale marker."""
    if value.histograms is None:
        return list(value.values)
    return [one if held is None else held for one, held in zip(value.values, value.histograms, strict=True)]


def difference(case: Eval, value: Value) -> str | None:
    """How the answer to the evaluation differs from what is expected of it."""
    expected = case.expected
    if expected.string is not None:
        return _string(expected.string, value)
    if expected.scalar is not None:
        return _scalar(expected.scalar, value)
    match value:
        case Scalar(value=number, time=when):
            return f"expected vector or matrix result, but got scalar: {format_value(number)} @[{when}]"
        case String(value=text):
            return f"expected vector or matrix result, but got string {quote_go(text)}"
        case InstantVector():
            return "expected a range vector, but got an instant vector" if expected.window else _vector(case, value)
        case RangeVector():
            return _matrix(case, value)


def _string(expected: str, value: Value) -> str | None:
    if not isinstance(value, String):
        return f"expected string {quote_go(expected)}, but got {_described(value)}"
    if value.value != expected:
        return f"expected string {quote_go(expected)} but got {quote_go(value.value)}"
    return None


def _scalar(expected: float, value: Value) -> str | None:
    if not isinstance(value, Scalar):
        return f"expected scalar result, but got {_described(value)}"
    if not close(expected, value.value):
        return f"expected scalar {format_value(expected)} but got {format_value(value.value)}"
    return None


def _described(value: Value) -> str:
    match value:
        case Scalar(value=number):
            return f"scalar {format_value(number)}"
        case String(value=text):
            return f"string {quote_go(text)}"
        case InstantVector():
            rows = zip(value.labels.all_labels(), _samples(value), strict=True)
            return "vector " + " ".join(f"{labels} => {_spelled(one)} @[{value.time}]" for labels, one in rows)
        case RangeVector():
            return "matrix " + " ".join(f"{one.labels} => {one.described()}" for one in _rows(value))


def _vector(case: Eval, value: InstantVector) -> str | None:
    wanted = {line.labels: (at, line) for at, line in enumerate(case.expected.series, start=1)}
    seen: set[Labels] = set()
    for at, (labels, got) in enumerate(zip(value.labels.all_labels(), _samples(value), strict=True), start=1):
        if labels in seen:
            return f"duplicate metric {labels} in result"
        seen.add(labels)
        if labels not in wanted:
            return f"unexpected metric {labels} in result, has value {_spelled(got)}"
        place, line = wanted[labels]
        expected = line.values[0]
        if case.expected.ordered and place != at:
            return f"expected metric {labels} with [{_spelled(expected)}] at position {place} but was at {at}"
        if isinstance(expected, Histogram) and not isinstance(got, Histogram):
            return f"expected histogram {_spelled(expected)} for {labels} but got float value {_spelled(got)}"
        if isinstance(got, Histogram) and not isinstance(expected, Histogram):
            return f"expected float value {_spelled(expected)} for {labels} but got histogram {_spelled(got)}"
        if not equals(expected, got, hinted=0 in line.hinted):
            return f"expected {_spelled(expected)} for {labels} but got {_spelled(got)}"
    for labels, (_, line) in wanted.items():
        if labels not in seen:
            return f"expected metric {labels} with [{_spelled(line.values[0])}] not found"
    return None


def _spelled(value: Written) -> str:
    if value is None:
        return "nothing"
    return format_histogram(value) if isinstance(value, Histogram) else format_value(float(value))


def _matrix(case: Eval, value: RangeVector) -> str | None:
    if case.instant and case.expected.window is None:
        return "expected range vector results must be declared with `expect range vector`"
    start, _, step = case.expected.window or (case.start, case.end, case.step)
    wanted = {line.labels: line for line in case.expected.series}
    rows = _rows(value)
    seen = {row.labels for row in rows}
    for labels in wanted:
        if labels not in seen:
            return f"expected metric {labels} not found"
    for row in rows:
        line = wanted.get(row.labels)
        if line is None:
            return f"unexpected metric {row.labels} in result, has {row.described()}"
        if (found := _points(line, row, start, step)) is not None:
            return found
    return None if len(seen) == len(rows) else "duplicate metrics in result"


def _points(line: SeriesLine, row: _Series, start: int, step: int) -> str | None:
    wanted = [(start + at * step, one, at in line.hinted) for at, one in enumerate(line.values) if one is not None]
    held = sum(isinstance(one, Histogram) for _, one, _ in wanted)
    counts = len(wanted) - held, held
    got_held = sum(isinstance(one, Histogram) for _, one in row.points)
    if counts != (len(row.points) - got_held, got_held):
        expected = f"{_count(counts[0], 'float')} and {_count(counts[1], 'histogram')}"
        return f"expected {expected} for {row.labels}, but got {row.described()}"
    for at, ((when, one, hinted), (moment, got)) in enumerate(zip(wanted, row.points, strict=True)):
        kind = "histogram" if isinstance(one, Histogram) else "float"
        place = f"expected {kind} value at index {at}"
        if when != moment:
            found = f"to have timestamp {when}, but it had timestamp {moment} (result has {row.described()})"
            return f"{place} for {row.labels} {found}"
        if not equals(one, got, hinted=hinted):
            found = f"to be {_spelled(one)}, but got {_spelled(got)}"
            return f"{place} (t={when}) for {row.labels} {found} (result has {row.described()})"
    return None


def _rows(value: RangeVector) -> list[_Series]:
    labels = value.labels.all_labels()
    bounds, times, samples = value.offsets.tolist(), value.times.tolist(), _samples(value)
    return [
        _Series(labels[row], tuple(zip(times[left:right], samples[left:right], strict=True)))
        for row, (left, right) in enumerate(pairwise(bounds))
    ]


def unsorted(value: Value) -> str | None:
    """Complaint about a range vector whose series are not sorted by labels."""
    if not isinstance(value, RangeVector):
        return None
    labels = value.labels.all_labels()
    for one, other in pairwise(labels):
        if other < one:
            return f"range result is not sorted: {other} comes after {one}"
    return None


def middle_of(value: Value, moment: int, like: Value) -> Value | None:
    """The samples of a range vector at one moment, as the kind of value that ``like`` is; None if there is no such."""
    if not isinstance(value, RangeVector) or not isinstance(like, Scalar | InstantVector):
        return None
    owner = np.repeat(np.arange(value.labels.rows), np.diff(value.offsets))
    there: Sequence[int] = np.flatnonzero(value.times == moment).tolist()
    values = value.values[there] if there else np.zeros(0)
    if isinstance(like, Scalar):
        return Scalar(float(values[0]), moment) if there else None
    rows = owner[there] if there else np.zeros(0, dtype=np.int64)
    held = None if value.histograms is None else value.histograms[there]
    return InstantVector(value.labels.take(rows), values, moment, held)
