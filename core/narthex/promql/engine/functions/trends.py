"""Functions that fit the samples of a window: deriv, predict_linear, double_exponential_smoothing."""

from __future__ import annotations

import numpy as np

from narthex.errors import QueryError
from narthex.promql.engine.functions.registry import Function, Invocation, of_window
from narthex.promql.engine.vector import Bools, Floats, Vector
from narthex.promql.engine.window import Cells, Window

__all__ = ["FUNCTIONS"]


def _line(cells: Cells, origin: Floats) -> tuple[Floats, Floats]:
    """Least-squares slope per second, and value at ``origin`` (ms, one for each window).

    Times and values are taken relative to their means and first values, so that nothing large cancels. A constant
    series has slope 0 exactly; a constant infinity has neither.
    """
    times = np.where(cells.valid, (cells.times - cells.times[0]) / 1000, 0.0)
    first = cells.values[0]
    values = np.where(cells.valid, cells.values - first, 0.0)
    constant = ((cells.values == first) | ~cells.valid).all(axis=0)
    mean_time, mean_value = times.sum(axis=0) / cells.counts, values.sum(axis=0) / cells.counts
    times = np.where(cells.valid, times - mean_time, 0.0)
    slope = (times * (values - mean_value)).sum(axis=0) / (times * times).sum(axis=0)
    slope = np.where(constant, np.where(np.isinf(first), np.nan, 0.0), slope)
    reach = (origin - cells.times[0]) / 1000 - mean_time
    at_origin = np.where(constant, first, first + mean_value + slope * reach)
    return slope, np.where(constant & np.isinf(first), np.nan, at_origin)


def _deriv(window: Window) -> tuple[Floats, Bools | None]:
    result = np.zeros(window.shape)
    for cells in window.cells(least=2):
        result.reshape(-1)[cells.where] = _line(cells, cells.times[0].astype(np.float64))[0]
    return result, window.at_least(2)


def _predict_linear(window: Window, ahead: Floats) -> tuple[Floats, Bools | None]:
    result = np.zeros(window.shape)
    for cells in window.cells(least=2):
        step = cells.where // window.shape[1]
        slope, now = _line(cells, window.moments[step].astype(np.float64))
        result.reshape(-1)[cells.where] = slope * ahead[step, 0] + now
    return result, window.at_least(2)


def _smoothing(invocation: Invocation) -> Vector:
    """Holt's double exponential smoothing; two samples at least."""
    level_factor, trend_factor = invocation.scalar(1), invocation.scalar(2)
    for factors, what in ((level_factor, "smoothing"), (trend_factor, "trend")):
        bad = factors[~((factors > 0) & (factors < 1))]
        if len(bad):
            short = "sf" if what == "smoothing" else "tf"
            raise QueryError(f"invalid {what} factor. Expected: 0 < {short} < 1, got: {bad[0]:f}")

    def compute(window: Window) -> tuple[Floats, Bools | None]:
        result = np.zeros(window.shape)
        for cells in window.cells(least=2):
            step = cells.where // window.shape[1]
            result.reshape(-1)[cells.where] = _smoothed(cells, level_factor[step], trend_factor[step])
        return result, window.at_least(2)

    return invocation.over_windows(0, compute).without_name(delayed=invocation.delayed)


def _smoothed(cells: Cells, level_factor: Floats, trend_factor: Floats) -> Floats:
    before = np.zeros(len(cells.counts))
    level: Floats = cells.values[0]
    trend = cells.values[1] - cells.values[0]
    for row in range(1, len(cells.values)):
        if row > 1:
            fresh = trend_factor * (level - before) + (1 - trend_factor) * trend
            trend = np.where(cells.valid[row], fresh, trend)
        smoothed = level_factor * cells.values[row] + (1 - level_factor) * (level + trend)
        before = np.where(cells.valid[row], level, before)
        level = np.where(cells.valid[row], smoothed, level)
    return level


FUNCTIONS = (
    of_window("deriv", _deriv),
    of_window("predict_linear", _predict_linear),
    Function("double_exponential_smoothing", _smoothing),
)
