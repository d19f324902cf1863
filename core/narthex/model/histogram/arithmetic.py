"""Sums, differences and multiples of histograms.

Two exponential histograms meet in the coarser of their schemas and with the wider of their zero buckets; two custom
ones with the bounds they have in common. An exponential and a custom one cannot be combined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram.custom import common_bounds, with_bounds
from narthex.model.histogram.schema import reduce_to, widen_zero
from narthex.model.histogram.value import NO_BUCKETS, Buckets, Hint, Histogram

__all__ = [
    "Combined",
    "IncompatibleHistogramsError",
    "add",
    "divide",
    "joined_hint",
    "matched",
    "negate",
    "scale",
    "subtract",
]

_Operation = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


class IncompatibleHistogramsError(ValueError):
    """One histogram has exponential buckets, the other custom ones."""


@dataclass(frozen=True, slots=True)
class Combined:
    """A sum or difference, and what a reader should be told about it."""

    value: Histogram
    collision: bool = False
    """One operand is marked as a counter reset, the other as none: the hint of the result is not to be trusted."""
    reconciled: bool = False
    """The custom bounds differed; the result has those in common."""


def add(one: Histogram, other: Histogram) -> Combined:
    """``one + other``. Raises :class:`IncompatibleHistogramsError`."""
    hint, collision = joined_hint(one.hint, other.hint)
    value, reconciled = _combined(one, other, np.add, hint)
    return Combined(value, collision, reconciled)


def subtract(one: Histogram, other: Histogram) -> Combined:
    """``one - other``, which is a gauge. Raises :class:`IncompatibleHistogramsError`."""
    _, collision = joined_hint(one.hint, other.hint)
    value, reconciled = _combined(one, other, np.subtract, Hint.GAUGE)
    return Combined(value, collision, reconciled)


def joined_hint(one: Hint, other: Hint) -> tuple[Hint, bool]:
    """The hint of a sum, and whether the hints contradict each other (a reset, and none)."""
    if one is other:
        return one, False
    if Hint.GAUGE in (one, other):
        return Hint.GAUGE, False
    return Hint.UNKNOWN, Hint.UNKNOWN not in (one, other)


def matched(one: Histogram, other: Histogram) -> tuple[Histogram, Histogram, bool]:
    """Both with the same schema, zero threshold and bounds; and whether custom bounds had to be reconciled.

    Raises :class:`IncompatibleHistogramsError`.
    """
    if one.custom != other.custom:
        raise IncompatibleHistogramsError("one histogram has exponential buckets, the other custom ones")
    if one.custom:
        if one.bounds == other.bounds:
            return one, other, False
        bounds = common_bounds(one.bounds, other.bounds)
        return with_bounds(one, bounds), with_bounds(other, bounds), True
    # Widening one zero bucket may carry it beyond the other's, when it would cut a bucket. Each round only widens.
    while one.zero_threshold != other.zero_threshold:
        one, other = widen_zero(one, other.zero_threshold), widen_zero(other, one.zero_threshold)
    schema = min(one.schema, other.schema)
    return reduce_to(one, schema), reduce_to(other, schema), False


def _combined(one: Histogram, other: Histogram, apply: _Operation, hint: Hint) -> tuple[Histogram, bool]:
    one, other, reconciled = matched(one, other)
    zero, count, total = apply(  # one small array operation costs less than three on Python floats that may be numpy's
        np.array((one.zero_count, one.count, one.sum)), np.array((other.zero_count, other.count, other.sum))
    ).tolist()
    value = Histogram(
        one.schema,
        one.zero_threshold,
        zero,
        count,
        total,
        _merged(one.positive, other.positive, apply),
        _merged(one.negative, other.negative, apply),
        one.bounds,
        hint,
    )
    return value, reconciled


def _merged(one: Buckets, other: Buckets, apply: _Operation) -> Buckets:
    if one.index is other.index or np.array_equal(one.index, other.index):
        return one.with_counts(apply(one.counts, other.counts)) if len(one) else NO_BUCKETS
    index = np.union1d(one.index, other.index)
    return Buckets(index, apply(_spread(one, index), _spread(other, index)))


def _spread(buckets: Buckets, index: NDArray[np.int32]) -> NDArray[np.float64]:
    counts = np.zeros(len(index))
    counts[np.searchsorted(index, buckets.index)] = buckets.counts
    return counts


def scale(histogram: Histogram, factor: float) -> Histogram:
    """All counts and the sum times ``factor``. A negative factor makes a gauge of it."""
    hint = Hint.GAUGE if factor < 0 else histogram.hint
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return _each(histogram, lambda numbers: numbers * factor, hint)


def divide(histogram: Histogram, divisor: float) -> Histogram:
    """All counts and the sum divided. Division by zero leaves no buckets, and NaN or infinity elsewhere."""
    hint = Hint.GAUGE if divisor < 0 else histogram.hint
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        divided = _each(histogram, lambda numbers: np.divide(numbers, divisor), hint)
    if divisor:
        return divided
    return Histogram(
        divided.schema,
        divided.zero_threshold,
        divided.zero_count,
        divided.count,
        divided.sum,
        bounds=divided.bounds,
        hint=hint,
    )


def negate(histogram: Histogram) -> Histogram:
    """All counts and the sum with the other sign: a gauge."""
    return _each(histogram, np.negative, Hint.GAUGE)


def _each(histogram: Histogram, apply: Callable[[NDArray[np.float64]], NDArray[np.float64]], hint: Hint) -> Histogram:
    zero, count, total = apply(np.array((histogram.zero_count, histogram.count, histogram.sum))).tolist()
    return Histogram(
        histogram.schema,
        histogram.zero_threshold,
        zero,
        count,
        total,
        histogram.positive.with_counts(apply(histogram.positive.counts)),
        histogram.negative.with_counts(apply(histogram.negative.counts)),
        histogram.bounds,
        hint,
    )
