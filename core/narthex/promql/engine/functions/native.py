"""Functions of native histograms: count, sum, average and spread; quantiles and fractions of their observations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from narthex.model.histogram import (
    COUNT,
    SUM,
    Rows,
    fractions,
    nan_observations,
    quantiles,
    rows_of,
    totals_of,
    variances,
)
from narthex.promql.engine.functions.registry import Function
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Floats, Ints, Vector

__all__ = ["FUNCTIONS", "native_fractions", "native_quantiles"]


def _of_rows(natives: Vector, compute: Callable[[Rows, Ints, Ints], Floats]) -> Vector:
    """A number for each sample: ``compute(rows, steps, columns)``. All samples are histograms."""
    values = np.zeros(natives.values.shape)
    if natives.histograms is not None:
        steps, columns = np.nonzero(natives.mask())
        for rows in rows_of(natives.histograms[steps, columns].tolist()):
            at = rows.places
            values[steps[at], columns[at]] = compute(rows, steps[at], columns[at])
    return natives.with_values(values)


def _of_totals(natives: Vector, compute: Callable[[Floats], Floats]) -> Vector:
    """The same where no bucket matters: ``compute`` has count, sum and zero bucket of each sample (``[m, 3]``)."""
    values = np.zeros(natives.values.shape)
    if natives.histograms is not None:
        cells = np.nonzero(natives.mask())
        values[cells] = compute(totals_of(natives.histograms[cells].tolist()))
    return natives.with_values(values)


def _function(name: str, apply: Callable[[Vector], Vector]) -> Function:
    return Function(name, lambda call: apply(call.vector(0).natives()).without_name(delayed=call.delayed))


def native_quantiles(natives: Vector, q: Floats, names: Sequence[str], notes: Notes) -> Vector:
    """The ``q`` quantile (``[K]``) of each histogram; ``names`` are what notes call them by (``[n]``)."""

    def compute(rows: Rows, steps: Ints, columns: Ints) -> Floats:
        values, lost, skewed = quantiles(rows, q[steps])
        for column in np.unique(columns[lost]).tolist():
            notes.quantile_is_nan(names[column])
        for column in np.unique(columns[skewed]).tolist():
            notes.quantile_is_skewed(names[column])
        return values

    return _of_rows(natives, compute)


def native_fractions(natives: Vector, lower: Floats, upper: Floats, names: Sequence[str], notes: Notes) -> Vector:
    """The share of observations between ``lower`` and ``upper`` (``[K]``); ``names`` as above."""

    def compute(rows: Rows, steps: Ints, columns: Ints) -> Floats:
        for column in np.unique(columns[nan_observations(rows)]).tolist():
            notes.fraction_without_nan(names[column])
        return fractions(rows, lower[steps], upper[steps])

    return _of_rows(natives, compute)


FUNCTIONS = (
    _function("histogram_avg", partial(_of_totals, compute=lambda totals: totals[:, SUM] / totals[:, COUNT])),
    _function("histogram_count", partial(_of_totals, compute=lambda totals: totals[:, COUNT])),
    _function("histogram_stddev", partial(_of_rows, compute=lambda rows, *_: np.sqrt(variances(rows)))),
    _function("histogram_stdvar", partial(_of_rows, compute=lambda rows, *_: variances(rows))),
    _function("histogram_sum", partial(_of_totals, compute=lambda totals: totals[:, SUM])),
)
