"""Functions of native histograms: count, sum, average and spread; quantiles and fractions of their observations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from narthex.model.histogram import (
    Histogram,
    NanEffect,
    average,
    fraction,
    has_nan_observations,
    quantile,
    standard_deviation,
    variance,
)
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Floats, Vector

__all__ = ["FUNCTIONS", "native_fractions", "native_quantiles"]


def _of_each(natives: Vector, compute: Callable[[Histogram, int, int], float]) -> Vector:
    """A number for each sample: ``compute(histogram, step, column)``. All samples are histograms."""
    values = np.zeros(natives.values.shape)
    if natives.histograms is not None:
        cells = np.nonzero(natives.mask())
        steps, columns = (axis.tolist() for axis in cells)
        found = map(compute, natives.histograms[cells].tolist(), steps, columns)
        values[cells] = list(found)
    return natives.with_values(values)


def _simple(name: str, compute: Callable[[Histogram], float]) -> Function:
    def apply(invocation: Invocation) -> Vector:
        natives = invocation.vector(0).natives()
        result = _of_each(natives, lambda histogram, _step, _column: compute(histogram))
        return result.without_name(delayed=invocation.delayed)

    return Function(name, apply)


def native_quantiles(natives: Vector, q: Floats, names: Sequence[str], notes: Notes) -> Vector:
    """The ``q`` quantile (``[K]``) of each histogram; ``names`` are what notes call them by (``[n]``)."""

    def compute(histogram: Histogram, step: int, column: int) -> float:
        found = quantile(histogram, float(q[step]))
        if found.nan_effect is NanEffect.NAN:
            notes.quantile_is_nan(names[column])
        elif found.nan_effect is NanEffect.SKEWED:
            notes.quantile_is_skewed(names[column])
        return found.value

    return _of_each(natives, compute)


def native_fractions(natives: Vector, lower: Floats, upper: Floats, names: Sequence[str], notes: Notes) -> Vector:
    """The share of observations between ``lower`` and ``upper`` (``[K]``); ``names`` as above."""

    def compute(histogram: Histogram, step: int, column: int) -> float:
        if has_nan_observations(histogram):
            notes.fraction_without_nan(names[column])
        return fraction(histogram, float(lower[step]), float(upper[step]))

    return _of_each(natives, compute)


FUNCTIONS = (
    _simple("histogram_avg", average),
    _simple("histogram_count", lambda histogram: histogram.count),
    _simple("histogram_stddev", standard_deviation),
    _simple("histogram_stdvar", variance),
    _simple("histogram_sum", lambda histogram: histogram.sum),
)
