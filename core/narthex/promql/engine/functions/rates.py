"""Functions of counters and of differences: rate, increase, delta, irate, idelta, changes, resets.

``rate`` needs two cells of each window, the first and the last sample, and what was lost to counter resets between
them. Losses are added up along the block once, so a window's loss is the difference of two more cells. Everything that
depends on times only is computed once for each group of series.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.promql.ast import MatrixSelector, VectorSelector
from narthex.promql.engine.extended import anchored, smoothed_change
from narthex.promql.engine.functions.countertypes import note_other_types
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.functions.runrates import change_of, changes_of, instantaneous_of, resets_of
from narthex.promql.engine.picking import picked
from narthex.promql.engine.resets import lost_between
from narthex.promql.engine.runs import OfStretch
from narthex.promql.engine.sums import running_sums
from narthex.promql.engine.vector import Bools, Floats, Vector
from narthex.promql.engine.window import Window

__all__ = ["FUNCTIONS"]

_Result = tuple[Floats, "Bools | None"]


def extrapolated(window: Window, *, counter: bool, per_second: bool) -> tuple[Floats, Bools | None]:
    """The change over the window, extended from the first and last sample to its bounds.

    Each end is extended by the distance to the bound when that is below 1.1 times the average distance of samples, else
    by half the average; a counter is not extended below zero. Source: Prometheus's documentation of ``rate`` and
    ``increase``; two samples at least.
    """
    first_row, last_row = window.low, window.high - 1
    first, change = window.at(first_row), window.at(last_row)
    change -= first
    if counter:
        lost = lost_between(window, first_row, last_row)
        if lost is not None:
            change += lost
    first_time, last_time = window.times_at(first_row), window.times_at(last_row)
    sampled = (last_time - first_time) / 1000
    average = sampled / np.maximum(window.counts - 1, 1)
    to_start = (first_time - window.start[:, None]) / 1000
    to_end = (window.end[:, None] - last_time) / 1000
    threshold = average * 1.1
    to_start = np.where(to_start >= threshold, average / 2, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    scale = 1.0 / window.seconds if per_second else 1.0
    factor = window.spread((sampled + to_end + to_start) / sampled * scale)
    if counter:
        _stop_at_zero(window, factor, (first, change), (sampled, to_start, to_end), scale)
    change *= factor
    return change, window.at_least(2)


def _stop_at_zero(
    window: Window, factor: Floats, cells: tuple[Floats, Floats], seconds: tuple[Floats, Floats, Floats], scale: float
) -> None:
    """Write other factors where the line through the window would be below zero at its start.

    ``cells`` are the first values and the changes ``[K, n]``; ``seconds`` the sampled time and how far each end is
    extended, ``[K, G]``. Such cells are few, so only they are computed one by one.
    """
    first, change = cells
    sampled, to_start, to_end = seconds
    below = first < change * window.spread(to_start / sampled)
    below &= first >= 0
    step, column = np.divmod(np.flatnonzero(below), below.shape[1])
    if len(step):
        group = window.block.group[column]
        sampled, to_end = sampled[step, group], to_end[step, group]
        to_zero = sampled * (first[step, column] / change[step, column])
        factor[step, column] = (sampled + to_end + to_zero) / sampled * scale


def _instantaneous(window: Window, *, rate: bool) -> tuple[Floats, Bools | None]:
    """From the last two samples: their difference, or for a rate the increase per second."""
    last, before = window.at(window.high - 1), window.at(window.high - 2)
    change = last - before
    if rate:
        distance = (window.times_at(window.high - 1) - window.times_at(window.high - 2)) / 1000
        change = np.where(last < before, last, change) / window.spread(distance)
    return change, window.at_least(2)


def _transitions(differs: Callable[[Floats, Floats], Bools]) -> Callable[[Window], tuple[Floats, Bools | None]]:
    """How many neighbouring samples of a window satisfy a condition."""

    def compute(window: Window) -> tuple[Floats, Bools | None]:
        values, group = window.block.values, window.block.group
        running = running_sums(differs(values[:-1], values[1:]))
        return picked(running, window.high - 1, group) - picked(running, window.low, group), window.at_least(1)

    return compute


def _changed(before: Floats, after: Floats) -> Bools:
    return np.asarray((before != after) & ~(np.isnan(before) & np.isnan(after)))


def _change(name: str, *, counter: bool, per_second: bool = False) -> Function:
    """``rate``, ``increase`` or ``delta``, in the way the selector asks for."""

    def between_samples(window: Window) -> Floats:
        change = window.at(window.high - 1) - window.at(window.low)
        lost = lost_between(window, window.low, window.high - 1) if counter else None
        return change if lost is None else change + lost

    def apply(invocation: Invocation) -> Vector:
        lookback = invocation.evaluation.settings.lookback
        selector = _selector(invocation)

        def compute(window: Window) -> _Result:
            if selector is not None and selector.smoothed:
                change, present = smoothed_change(window, lookback, counter=counter)
            elif selector is not None and selector.anchored:
                change, present = between_samples(anchored(window, lookback)), window.at_least(1)
            else:
                return extrapolated(window, counter=counter, per_second=per_second)
            return change / window.seconds if per_second else change, present

        native = change_of(selector, lookback, counter=counter, per_second=per_second)
        result = invocation.over_windows(0, compute, native)
        if counter:
            note_other_types(invocation, result.floats())
        return result.without_name(delayed=invocation.delayed)

    return Function(name, apply)


def _instant_change(name: str, *, rate: bool) -> Function:
    """``irate`` or ``idelta``."""

    def apply(invocation: Invocation) -> Vector:
        native = instantaneous_of(rate=rate)
        result = invocation.over_windows(0, lambda window: _instantaneous(window, rate=rate), native)
        return result.without_name(delayed=invocation.delayed)

    return Function(name, apply)


def _count_of(
    name: str,
    differs: Callable[[Floats, Floats], Bools],
    of_run: Callable[[VectorSelector | None, int], OfStretch],
) -> Function:
    """``changes`` or ``resets``; an anchored window counts the change from the sample before it too."""
    count = _transitions(differs)

    def apply(invocation: Invocation) -> Vector:
        lookback = invocation.evaluation.settings.lookback
        selector = _selector(invocation)

        def compute(window: Window) -> _Result:
            if selector is None or not selector.anchored:
                return count(window)
            return count(anchored(window, lookback))[0], window.at_least(1)

        native = of_run(selector, lookback)
        return invocation.over_windows(0, compute, native).without_name(delayed=invocation.delayed)

    return Function(name, apply)


def _selector(invocation: Invocation) -> VectorSelector | None:
    argument = invocation.argument(0)
    return argument.selector if isinstance(argument, MatrixSelector) else None


FUNCTIONS = (
    _change("rate", counter=True, per_second=True),
    _change("increase", counter=True),
    _change("delta", counter=False),
    _instant_change("irate", rate=True),
    _instant_change("idelta", rate=False),
    _count_of("changes", _changed, changes_of),
    _count_of("resets", lambda before, after: np.asarray(after < before), resets_of),
)
