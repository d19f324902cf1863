"""Functions that reduce the samples of each window to one value: ``*_over_time``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.model.histogram import Histogram, IncompatibleHistogramsError, divide, total
from narthex.model.number import shortest
from narthex.promql.engine.densesum import DenseSum
from narthex.promql.engine.functions.registry import Function, Invocation, of_window
from narthex.promql.engine.ranking import quantile_of_sorted
from narthex.promql.engine.runs import OfStretch, Stretch
from narthex.promql.engine.vector import Bools, Floats, Vector
from narthex.promql.engine.window import Cells, Window

__all__ = ["FUNCTIONS"]

_Result = tuple[Floats, "Bools | None"]
_OfWindow = Callable[[Window], _Result]
_OfCells = Callable[[Cells], Floats]


def _count(window: Window) -> _Result:
    return window.spread(window.counts).astype(np.float64), window.at_least(1)


def _sum(window: Window) -> _Result:
    return window.sum(window.block.values), window.at_least(1)


def _avg(window: Window) -> _Result:
    counts = window.spread(np.maximum(window.counts, 1)).astype(np.float64)
    total = window.sum(window.block.values)
    mean = total / counts
    if np.isinf(total).any():
        # The sum may have left float64 while the mean has not: add halves of halves instead.
        scale = 2.0 ** np.ceil(np.log2(counts.max() + 1))
        mean = np.where(np.isinf(total), window.sum(window.block.values / scale) * (scale / counts), mean)
    return mean, window.at_least(1)


def _extreme(operation: np.ufunc) -> _OfWindow:
    return lambda window: (window.reduce(operation, window.block.values), window.at_least(1))


def _by_cells(window: Window, compute: _OfCells) -> _Result:
    """``compute(cells)`` for every window that has samples, put in its place."""
    result = np.zeros(window.shape)
    flat = result.reshape(-1)
    for cells in window.cells():
        flat[cells.where] = compute(cells)
    return result, window.at_least(1)


def _variance(cells: Cells) -> Floats:
    """Population variance, of the distances from the first sample: equal samples give exactly 0."""
    shifted = np.where(cells.valid, cells.values - cells.values[0], 0.0)
    mean = shifted.sum(axis=0) / cells.counts
    deviation = np.where(cells.valid, shifted - mean, 0.0)
    return np.asarray((deviation * deviation).sum(axis=0) / cells.counts)


def quantiles(values: Floats, cells: Cells, q: Floats) -> Floats:
    """Quantile ``q[m]`` of each column's valid cells; NaN counts as the smallest."""
    rows = np.ascontiguousarray(np.where(cells.valid, values, np.inf).T)  # padding goes behind everything
    missing = np.isnan(rows)
    spoiled = missing.any()
    if spoiled:  # numpy sorts NaN behind the padding: let them go first as -Inf, then put them back
        rows[missing] = -np.inf
    rows.sort(axis=1)
    width = rows.shape[1]
    if spoiled:
        rows[np.arange(width) < np.count_nonzero(missing, axis=1)[:, None]] = np.nan
    return quantile_of_sorted(rows.reshape(-1), np.arange(len(rows)) * width, cells.counts, q)


def _mad(cells: Cells) -> Floats:
    """Median distance from the median; NaN when any sample is."""
    half = np.full(len(cells.counts), 0.5)
    distance = np.abs(cells.values - quantiles(cells.values, cells, half))
    spoiled = (np.isnan(cells.values) & cells.valid).any(axis=0)
    return np.where(spoiled, np.nan, quantiles(distance, cells, half))


def warn_of_quantiles(invocation: Invocation, q: Floats, index: int) -> None:
    """Warn of each value (argument ``index``, ``[K]``) that is no quantile."""
    for message in quantile_warnings(q):
        invocation.annotations.warn(message, invocation.pos(index))


def quantile_warnings(q: Floats) -> list[str]:
    """What to say about values outside 0 to 1, once for each."""
    texts = (shortest(bad) for bad in q[~((q >= 0) & (q <= 1))].tolist())
    return [f"quantile value should be between 0 and 1, got {text}" for text in dict.fromkeys(texts)]


def _quantile(invocation: Invocation) -> Vector:
    q = invocation.scalar(0)
    warn_of_quantiles(invocation, q, 0)

    def compute(window: Window) -> _Result:
        size = window.shape[1]
        return _by_cells(window, lambda cells: quantiles(cells.values, cells, q[cells.where // max(size, 1)]))

    return invocation.over_windows(1, compute).without_name(delayed=invocation.delayed)


def _time_of_extreme(*, largest: bool) -> _OfWindow:
    def compute(cells: Cells) -> Floats:
        worst = -np.inf if largest else np.inf
        values = np.where(cells.valid & ~np.isnan(cells.values), cells.values, worst)
        best = values.max(axis=0) if largest else values.min(axis=0)
        # The latest of equals; where all are NaN, the last sample.
        equal = cells.valid & ((cells.values == best) | np.isnan(cells.values).all(axis=0, where=cells.valid))
        row = len(values) - 1 - equal[::-1].argmax(axis=0)
        return np.asarray(cells.times[row, np.arange(len(row))] / 1000)

    return lambda window: _by_cells(window, compute)


def _time_at(*, first: bool) -> _OfWindow:
    def compute(window: Window) -> _Result:
        rows = window.low if first else window.high - 1
        return window.spread(window.times_at(rows) / 1000), window.at_least(1)

    return compute


def _total(stretch: Stretch) -> Histogram | None:
    """The sum of a window's histograms; nothing, with a warning, for samples that do not go together."""
    terms = stretch.histograms()
    if terms is None:
        stretch.notes.mixed_samples(stretch.run.name)
        return None
    try:
        return stretch.notes.aggregated(total(terms), (one.hint for one in terms)).compact()
    except IncompatibleHistogramsError:
        stretch.notes.mixed_schemas(stretch.run.name)
        return None


def _mean(stretch: Stretch) -> Histogram | None:
    whole = _total(stretch)
    return None if whole is None else divide(whole, stretch.high - stretch.low)


FUNCTIONS = (
    of_window("avg_over_time", _avg, native=OfStretch(_mean, dense=DenseSum(mean=True))),
    of_window("count_over_time", _count, native=lambda stretch: float(stretch.high - stretch.low)),
    of_window(
        "first_over_time",
        lambda window: (window.at(window.low), window.at_least(1)),
        keep_name=True,
        native=lambda stretch: stretch.samples[0],
    ),
    of_window(
        "last_over_time",
        lambda window: (window.at(window.high - 1), window.at_least(1)),
        keep_name=True,
        native=lambda stretch: stretch.samples[-1],
    ),
    of_window("mad_over_time", lambda window: _by_cells(window, _mad)),
    of_window("max_over_time", _extreme(np.fmax)),
    of_window("min_over_time", _extreme(np.fmin)),
    of_window("present_over_time", lambda window: (np.ones(window.shape), window.at_least(1)), native=lambda _: 1.0),
    Function("quantile_over_time", _quantile),
    of_window("stddev_over_time", lambda window: _by_cells(window, lambda cells: np.sqrt(_variance(cells)))),
    of_window("stdvar_over_time", lambda window: _by_cells(window, _variance)),
    of_window("sum_over_time", _sum, native=OfStretch(_total, dense=DenseSum(mean=False))),
    of_window("ts_of_first_over_time", _time_at(first=True), native=lambda one: float(one.run.times[one.low] / 1000)),
    of_window(
        "ts_of_last_over_time", _time_at(first=False), native=lambda one: float(one.run.times[one.high - 1] / 1000)
    ),
    of_window("ts_of_max_over_time", _time_of_extreme(largest=True)),
    of_window("ts_of_min_over_time", _time_of_extreme(largest=False)),
)
