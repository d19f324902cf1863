"""What single samples and windows give, in plain Python: the leaves of the simple PromQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from narthex.model.histogram import (
    Histogram,
    IncompatibleHistogramsError,
    add,
    average,
    divide,
    fraction,
    quantile,
    same,
    scale,
    subtract,
    trim_lower,
    trim_upper,
    was_reset,
)

Sample = float | Histogram


def histograms_of(samples: Sequence[Sample]) -> list[Histogram]:
    return [one for one in samples if isinstance(one, Histogram)]


def numbers_of(samples: Sequence[Sample]) -> list[float]:
    return [one for one in samples if not isinstance(one, Histogram)]


# --- operators ---

ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a),
}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
}


def operated(op: str, one: Sample, other: Sample, *, return_bool: bool) -> Sample | bool | None:
    """A sample; True or False for a comparison that holds or not; None for nothing."""
    truth: bool | None = None
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        if op in {"+", "-"}:
            return combined(op, one, other)
        truth = {"==": same(one, other), "!=": not same(one, other)}.get(op)
    elif isinstance(one, Histogram):
        assert not isinstance(other, Histogram)
        by = {"*": scale, "/": divide, "</": trim_upper, ">/": trim_lower}.get(op)
        return None if by is None else by(one, other)
    elif isinstance(other, Histogram):
        return scale(other, one) if op == "*" else None
    elif op in ARITHMETIC:
        return ARITHMETIC[op](one, other)
    elif op in COMPARISONS:
        truth = COMPARISONS[op](one, other)
    return float(truth) if return_bool and truth is not None else truth


def combined(op: str, one: Histogram, other: Histogram) -> Histogram | None:
    try:
        return (add if op == "+" else subtract)(one, other).value
    except IncompatibleHistogramsError:
        return None


# --- functions of samples ---


def of_number(compute: Callable[..., float]) -> Callable[..., Sample | None]:
    return lambda sample, *rest: None if isinstance(sample, Histogram) else compute(sample, *rest)


def of_histogram(compute: Callable[..., float]) -> Callable[..., Sample | None]:
    return lambda sample, *rest: compute(sample, *rest) if isinstance(sample, Histogram) else None


OF_SAMPLES: Mapping[str, Callable[..., Sample | None]] = {
    "abs": of_number(abs),
    "histogram_avg": of_histogram(average),
    "histogram_count": of_histogram(lambda one: one.count),
    "histogram_sum": of_histogram(lambda one: one.sum),
    "histogram_fraction": lambda sample, low, high: (
        fraction(sample, low, high) if isinstance(sample, Histogram) else None
    ),
    "histogram_quantile": lambda sample, q: quantile(sample, q).value if isinstance(sample, Histogram) else None,
}


# --- aggregations ---


def summed(samples: Sequence[Sample]) -> Sample | None:
    histograms = histograms_of(samples)
    if not histograms:
        return math.fsum(numbers_of(samples))
    if len(histograms) < len(samples) or len({one.custom for one in histograms}) > 1:
        return None
    total = histograms[0]
    for one in histograms[1:]:
        total = add(total, one).value
    return total


def mean(samples: Sequence[Sample]) -> Sample | None:
    total = summed(samples)
    return scale(total, 1 / len(samples)) if isinstance(total, Histogram) else total and total / len(samples)


def of_numbers(compute: Callable[[list[float]], float]) -> Callable[[Sequence[Sample]], Sample | None]:
    return lambda samples: compute(numbers) if (numbers := numbers_of(samples)) else None


def variance(values: Sequence[float]) -> float:
    middle = math.fsum(values) / len(values)
    return math.fsum((one - middle) ** 2 for one in values) / len(values)


AGGREGATIONS: Mapping[str, Callable[[Sequence[Sample]], Sample | None]] = {
    "sum": summed,
    "avg": mean,
    "min": of_numbers(min),
    "max": of_numbers(max),
    "stdvar": of_numbers(variance),
    "count": lambda samples: float(len(samples)),
    "group": lambda _: 1.0,
}


# --- functions of ranges ---

Points = Sequence[tuple[int, Sample]]
OverRange = Callable[[Points, int, int], "Sample | None"]


def values_of(points: Points) -> list[Sample]:
    return [value for _, value in points]


def fell(before: Sample, now: Sample) -> bool:
    if isinstance(before, Histogram) and isinstance(now, Histogram):
        return was_reset(before, now)
    return isinstance(before, Histogram) or isinstance(now, Histogram) or now < before


def differs(before: Sample, now: Sample) -> bool:
    if isinstance(before, Histogram) and isinstance(now, Histogram):
        return not same(before, now)
    return isinstance(before, Histogram) or isinstance(now, Histogram) or now != before


def transitions(test: Callable[[Sample, Sample], bool]) -> OverRange:
    return lambda points, _start, _end: float(sum(test(a, b) for a, b in pairwise(values_of(points))))


def grown(samples: Sequence[Sample], *, counter: bool) -> Sample | None:
    """The last sample less the first, each fall of a counter made good."""
    histograms = histograms_of(samples)
    if not histograms:
        numbers = numbers_of(samples)
        lost = sum(a for a, b in pairwise(numbers) if b < a) if counter else 0.0
        return numbers[-1] - numbers[0] + lost
    if len(histograms) < len(samples):
        return None
    falls = [at for at in range(1, len(histograms)) if counter and fell(histograms[at - 1], histograms[at])]
    skipped = 1 in falls
    judged = histograms[skipped:] if counter else [histograms[0], histograms[-1]]
    if len({one.custom for one in judged}) > 1:
        return None
    total = histograms[-1]
    if not skipped:
        total = subtract(total, histograms[0]).value
    for at in falls:
        if at != 1:
            total = add(total, histograms[at - 1]).value
    return total


def size(sample: Sample) -> float:
    return sample.count if isinstance(sample, Histogram) else sample


def times(sample: Sample, factor: float) -> Sample:
    return scale(sample, factor) if isinstance(sample, Histogram) else sample * factor


def extrapolated(*, counter: bool, per_second: bool) -> OverRange:
    def compute(points: Points, start: int, end: int) -> Sample | None:
        if len(points) < 2:
            return None
        amount = grown(values_of(points), counter=counter)
        if amount is None:
            return None
        first, last = points[0][0], points[-1][0]
        sampled = (last - first) / 1000
        average = sampled / (len(points) - 1)
        to_start, to_end = (first - start) / 1000, (end - last) / 1000
        to_start = average / 2 if to_start >= average * 1.1 else to_start
        to_end = average / 2 if to_end >= average * 1.1 else to_end
        if counter and size(amount) > 0 and size(points[0][1]) >= 0:
            to_start = min(to_start, sampled * (size(points[0][1]) / size(amount)))
        factor = (sampled + to_start + to_end) / sampled
        return times(amount, factor / ((end - start) / 1000) if per_second else factor)

    return compute


def last_two(*, rate: bool) -> OverRange:
    def compute(points: Points, _start: int, _end: int) -> Sample | None:
        if len(points) < 2:
            return None
        (t0, before), (t1, now) = points[-2:]
        if isinstance(before, Histogram) != isinstance(now, Histogram):
            return None
        change: Sample | None = now
        if not (rate and fell(before, now)):
            change = operated("-", now, before, return_bool=False)
        return change if change is None or not rate else times(change, 1000 / (t1 - t0))

    return compute


def of_values(compute: Callable[[Sequence[Sample]], Sample | None]) -> OverRange:
    return lambda points, _start, _end: compute(values_of(points))


OVER_RANGES: Mapping[str, OverRange] = {
    "rate": extrapolated(counter=True, per_second=True),
    "increase": extrapolated(counter=True, per_second=False),
    "delta": extrapolated(counter=False, per_second=False),
    "irate": last_two(rate=True),
    "idelta": last_two(rate=False),
    "changes": transitions(differs),
    "resets": transitions(fell),
    "sum_over_time": of_values(summed),
    "avg_over_time": of_values(mean),
    "min_over_time": of_values(of_numbers(min)),
    "max_over_time": of_values(of_numbers(max)),
    "stdvar_over_time": of_values(of_numbers(variance)),
    "count_over_time": of_values(lambda samples: float(len(samples))),
    "present_over_time": of_values(lambda _: 1.0),
    "first_over_time": of_values(lambda samples: samples[0]),
    "last_over_time": of_values(lambda samples: samples[-1]),
    "ts_of_last_over_time": lambda points, _start, _end: points[-1][0] / 1000,
}
