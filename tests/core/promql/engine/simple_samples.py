"""What single samples and windows give, in plain Python: the leaves of the simple PromQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from narthex.model.histogram import (
    Combined,
    Hint,
    Histogram,
    IncompatibleHistogramsError,
    NanEffect,
    add,
    average,
    divide,
    fraction,
    has_nan_observations,
    quantile,
    same,
    scale,
    standard_deviation,
    subtract,
    trim_lower,
    trim_upper,
    was_reset,
)
from narthex.model.histogram import variance as variance_of

Sample = float | Histogram

COLLISION = "conflicting counter resets during histogram"
MIX = "vector contains a mix of histograms with exponential and custom buckets schemas"


@dataclass
class Talk:
    """What the evaluation had to say, without positions; ``name`` is that of the series in hand."""

    said: set[str] = field(default_factory=set)
    name: str = ""

    def __call__(self, message: str) -> None:
        self.said.add(message)

    def of_series(self, message: str) -> None:
        self(f'{message}"{self.name}"')

    def combined(self, outcome: Combined, operation: str, *, hints: bool = True) -> Histogram:
        if outcome.collision and hints:
            self(f"{COLLISION} {operation}")
        if outcome.reconciled:
            self(f"mismatched custom buckets were reconciled during {operation}")
        return outcome.value


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


def operated(op: str, one: Sample, other: Sample, talk: Talk, *, return_bool: bool) -> Sample | bool | None:
    """A sample; True or False for a comparison that holds or not; None for nothing."""
    truth: bool | None = None
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        if op in {"+", "-"}:
            return combined(op, one, other, talk)
        truth = {"==": same(one, other), "!=": not same(one, other)}.get(op)
        if truth is None:
            talk(f"{ILL_MATCHED} {quoted(op)}: histogram {op} histogram")
    elif isinstance(one, Histogram):
        assert not isinstance(other, Histogram)
        by = {"*": scale, "/": divide, "</": trim_upper, ">/": trim_lower}.get(op)
        if by is None:
            talk(f"{ILL_MATCHED} {quoted(op)}: histogram {op} float")
        return None if by is None else by(one, other)
    elif isinstance(other, Histogram):
        if op != "*":
            talk(f"{ILL_MATCHED} {quoted(op)}: float {op} histogram")
        return scale(other, one) if op == "*" else None
    elif op in ARITHMETIC:
        return ARITHMETIC[op](one, other)
    elif op in COMPARISONS:
        truth = COMPARISONS[op](one, other)
    else:
        talk(f"{ILL_MATCHED} {quoted(op)}: float {op} float")
    return float(truth) if return_bool and truth is not None else truth


ILL_MATCHED = "incompatible sample types encountered for binary operator"


def quoted(op: str) -> str:
    return f'"{op}"'


def combined(op: str, one: Histogram, other: Histogram, talk: Talk) -> Histogram | None:
    compute, name = (add, "addition") if op == "+" else (subtract, "subtraction")
    try:
        return talk.combined(compute(one, other), name)
    except IncompatibleHistogramsError:
        talk(f"incompatible bucket layout encountered for binary operator {op}")
        return None


# --- functions of samples ---


def of_number(compute: Callable[..., float]) -> Callable[..., Sample | None]:
    return lambda sample, *_: None if isinstance(sample, Histogram) else compute(sample)


def of_histogram(compute: Callable[..., float]) -> Callable[..., Sample | None]:
    return lambda sample, *_: compute(sample) if isinstance(sample, Histogram) else None


def quantile_of(sample: Sample, q: float, talk: Talk) -> Sample | None:
    if not isinstance(sample, Histogram):
        talk(NO_BOUND)
        return None
    found = quantile(sample, q)
    if found.nan_effect is NanEffect.NAN:
        talk("input to histogram_quantile has NaN observations, result is NaN")
    if found.nan_effect is NanEffect.SKEWED:
        talk("input to histogram_quantile has NaN observations, result is skewed higher")
    return found.value


def fraction_of(sample: Sample, low: float, high: float, talk: Talk) -> Sample | None:
    if not isinstance(sample, Histogram):
        talk(NO_BOUND)
        return None
    if has_nan_observations(sample):
        talk("input to histogram_fraction has NaN observations, which are excluded from all fractions")
    return fraction(sample, low, high)


NO_BOUND = 'bucket label "le" is missing or has a malformed value of ""'

OF_SAMPLES: Mapping[str, Callable[..., Sample | None]] = {
    "abs": of_number(abs),
    "histogram_avg": of_histogram(average),
    "histogram_count": of_histogram(lambda one: one.count),
    "histogram_sum": of_histogram(lambda one: one.sum),
    "histogram_stddev": of_histogram(standard_deviation),
    "histogram_stdvar": of_histogram(variance_of),
    "histogram_fraction": fraction_of,
    "histogram_quantile": quantile_of,
}


# --- aggregations ---


def added(samples: Sequence[Sample], talk: Talk, mixed: str) -> Sample | None:
    """The sum; ``mixed`` is what to say of numbers beside histograms."""
    histograms = histograms_of(samples)
    if not histograms:
        return math.fsum(numbers_of(samples))
    if len(histograms) < len(samples):
        talk(mixed)
        return None
    if len({one.custom for one in histograms}) > 1:
        talk(MIX)
        return None
    if {Hint.RESET, Hint.NOT_RESET} <= {one.hint for one in histograms}:
        talk(f"{COLLISION} aggregation")
    total = histograms[0]
    for one in histograms[1:]:
        total = talk.combined(add(total, one), "aggregation", hints=False)
    return total


def summed(samples: Sequence[Sample], talk: Talk) -> Sample | None:
    return added(samples, talk, "encountered a mix of histograms and floats for aggregation")


def mean(samples: Sequence[Sample], talk: Talk) -> Sample | None:
    return divided(summed(samples, talk), samples)


def divided(total: Sample | None, samples: Sequence[Sample]) -> Sample | None:
    return scale(total, 1 / len(samples)) if isinstance(total, Histogram) else total and total / len(samples)


def of_numbers(name: str, compute: Callable[[list[float]], float]) -> Callable[[Sequence[Sample], Talk], Sample | None]:
    def aggregate(samples: Sequence[Sample], talk: Talk) -> Sample | None:
        if histograms_of(samples):
            talk(f"ignored histogram in {name} aggregation")
        return compute(numbers) if (numbers := numbers_of(samples)) else None

    return aggregate


def least(values: Sequence[float]) -> float:
    return min((one for one in values if not math.isnan(one)), default=math.nan)


def greatest(values: Sequence[float]) -> float:
    return max((one for one in values if not math.isnan(one)), default=math.nan)


def variance(values: Sequence[float]) -> float:
    middle = math.fsum(values) / len(values)
    return math.fsum((one - middle) ** 2 for one in values) / len(values)


AGGREGATIONS: Mapping[str, Callable[[Sequence[Sample], Talk], Sample | None]] = {
    "sum": summed,
    "avg": mean,
    "min": of_numbers("min", least),
    "max": of_numbers("max", greatest),
    "stdvar": of_numbers("stdvar", variance),
    "count": lambda samples, _: float(len(samples)),
    "group": lambda _samples, _: 1.0,
}


# --- functions of ranges ---

Points = Sequence[tuple[int, Sample]]
OverRange = Callable[[Points, int, int, Talk], "Sample | None"]


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
    return lambda points, _start, _end, _talk: float(sum(test(a, b) for a, b in pairwise(values_of(points))))


def grown(samples: Sequence[Sample], talk: Talk, *, counter: bool) -> Sample | None:
    """The last sample less the first, each fall of a counter made good."""
    histograms = histograms_of(samples)
    if not histograms:
        numbers = numbers_of(samples)
        lost = sum(a for a, b in pairwise(numbers) if b < a) if counter else 0.0
        return numbers[-1] - numbers[0] + lost
    if len(histograms) < len(samples):
        talk.of_series(MIXED_SAMPLES)
        return None
    note_kind(histograms, talk, counter=counter)
    falls = [at for at in range(1, len(histograms)) if counter and fell(histograms[at - 1], histograms[at])]
    skipped = 1 in falls
    judged = histograms[skipped:] if counter else [histograms[0], histograms[-1]]
    if len({one.custom for one in judged}) > 1:
        talk(MIX)
        return None
    total = histograms[-1]
    if not skipped:
        total = talk.combined(subtract(total, histograms[0]), "subtraction", hints=False)
    for at in falls:
        if at != 1:
            total = talk.combined(add(total, histograms[at - 1]), "addition", hints=False)
    return total


MIXED_SAMPLES = "encountered a mix of histograms and floats for metric name "


def note_kind(histograms: Sequence[Histogram], talk: Talk, *, counter: bool) -> None:
    if counter and any(one.hint is Hint.GAUGE for one in histograms):
        talk.of_series("this native histogram metric is not a counter: ")
    if not counter and (histograms[0].hint is not Hint.GAUGE or histograms[-1].hint is not Hint.GAUGE):
        talk.of_series("this native histogram metric is not a gauge: ")


def size(sample: Sample) -> float:
    return sample.count if isinstance(sample, Histogram) else sample


def times(sample: Sample, factor: float) -> Sample:
    return scale(sample, factor) if isinstance(sample, Histogram) else sample * factor


def extrapolated(*, counter: bool, per_second: bool) -> OverRange:
    def compute(points: Points, start: int, end: int, talk: Talk) -> Sample | None:
        if len(points) < 2:
            return None
        amount = grown(values_of(points), talk, counter=counter)
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
    def compute(points: Points, _start: int, _end: int, talk: Talk) -> Sample | None:
        if len(points) < 2:
            return None
        (t0, before), (t1, now) = points[-2:]
        if isinstance(before, Histogram) != isinstance(now, Histogram):
            talk.of_series(MIXED_SAMPLES)
            return None
        change: Sample | None = now
        fresh = rate and fell(before, now)
        if isinstance(before, Histogram) and isinstance(now, Histogram):
            note_kind((before, now), talk, counter=rate)
            if not fresh and before.custom != now.custom:
                talk(MIX)
                return None
            change = now if fresh else talk.combined(subtract(now, before), "subtraction", hints=False)
        elif not fresh:
            change = now - before
        return change if change is None or not rate else times(change, 1000 / (t1 - t0))

    return compute


def of_values(compute: Callable[[Sequence[Sample]], Sample | None]) -> OverRange:
    return lambda points, _start, _end, _talk: compute(values_of(points))


def sum_over_time(points: Points, _start: int, _end: int, talk: Talk) -> Sample | None:
    return added(values_of(points), talk, f'{MIXED_SAMPLES}"{talk.name}"')


def avg_over_time(points: Points, start: int, end: int, talk: Talk) -> Sample | None:
    return divided(sum_over_time(points, start, end, talk), points)


def numbers_only(compute: Callable[[list[float]], float]) -> OverRange:
    def over(points: Points, _start: int, _end: int, talk: Talk) -> Sample | None:
        numbers = numbers_of(values_of(points))
        if 0 < len(numbers) < len(points):
            talk.of_series("ignored histograms in a range containing both floats and histograms for metric name ")
        return compute(numbers) if numbers else None

    return over


OVER_RANGES: Mapping[str, OverRange] = {
    "rate": extrapolated(counter=True, per_second=True),
    "increase": extrapolated(counter=True, per_second=False),
    "delta": extrapolated(counter=False, per_second=False),
    "irate": last_two(rate=True),
    "idelta": last_two(rate=False),
    "changes": transitions(differs),
    "resets": transitions(fell),
    "sum_over_time": sum_over_time,
    "avg_over_time": avg_over_time,
    "min_over_time": numbers_only(least),
    "max_over_time": numbers_only(greatest),
    "stdvar_over_time": numbers_only(variance),
    "count_over_time": of_values(lambda samples: float(len(samples))),
    "present_over_time": of_values(lambda _: 1.0),
    "first_over_time": of_values(lambda samples: samples[0]),
    "last_over_time": of_values(lambda samples: samples[-1]),
    "ts_of_last_over_time": lambda points, _start, _end, _talk: points[-1][0] / 1000,
}
