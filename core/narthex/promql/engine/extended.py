"""The modifiers ``anchored`` and ``smoothed``: windows that look beyond their bounds.

An anchored window begins with the last sample before it, so that changes between windows are counted once and nothing
is extrapolated. A smoothed one takes the values at its bounds from the lines between the samples around them. Source:
the behaviour Prometheus documents for extended range selectors.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from narthex.promql.engine.resets import lost_between
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.promql.engine.window import Window

__all__ = ["ANCHORED_FUNCTIONS", "SMOOTHED_FUNCTIONS", "anchored", "interpolated", "smoothed_change"]

ANCHORED_FUNCTIONS = ("changes", "delta", "increase", "rate", "resets")
SMOOTHED_FUNCTIONS = ("delta", "increase", "rate")


def _before(window: Window, lookback: int) -> Bools:
    """Whether a group has a sample at or before the window's start that is not too old: bool ``[K, G]``."""
    row = window.low - 1
    found: Bools = window.exists(row) & (window.times_at(row) > window.start[:, None] - lookback)
    return found


def _behind(window: Window, lookback: int) -> Bools:
    """Whether a group has a sample after the window's end, near enough: bool ``[K, G]``."""
    found: Bools = window.exists(window.high) & (window.times_at(window.high) <= window.end[:, None] + lookback)
    return found


def anchored(window: Window, lookback: int) -> Window:
    """The window with the last sample before it, where there is one, as its first."""
    return replace(window, low=window.low - _before(window, lookback))


def interpolated(window: Window, lookback: int) -> tuple[Floats, Bools | None]:
    """The value at the end of each window, from the samples around it; nothing without a sample before."""
    last = window.high - 1
    value = window.at(last)
    between = _behind(window, lookback) & (window.times_at(last) < window.end[:, None])
    if between.any():
        share = _share(window, last, window.end)
        line = value + (window.at(window.high) - value) * window.spread(share)
        value = np.where(window.spread(between), line, value)
    return value, window.at_least(1)


def _share(window: Window, row: Ints, moment: Ints) -> Floats:
    """How far ``moment`` (``[K]``) lies between the times of ``row`` and of the next row: ``[K, G]``."""
    begin, finish = window.times_at(row), window.times_at(row + 1)
    return np.asarray((moment[:, None] - begin) / np.maximum(finish - begin, 1))


def smoothed_change(window: Window, lookback: int, *, counter: bool) -> tuple[Floats, Bools | None]:
    """The change between the values on the lines at both bounds of the window.

    For a counter a fall between two samples is a reset to zero, and the line between them starts from zero.
    """
    before, behind = _before(window, lookback), _behind(window, lookback)
    filled = window.counts > 0
    usable = filled | (before & behind)
    left = _left(window, before, counter=counter)
    right = _right(window, behind, filled | before, counter=counter)
    change = right - left
    if counter:
        change = change + _corrections(window, left, right)
    return change, None if usable.all() else window.spread(usable)


def _left(window: Window, before: Bools, *, counter: bool) -> Floats:
    early, late = window.at(window.low - 1), window.at(window.low)
    exact = window.times_at(window.low - 1) == window.start[:, None]
    begin = np.where(late < early, 0.0, early) if counter else early
    line = begin + (late - begin) * window.spread(_share(window, window.low - 1, window.start))
    on_line, on_sample = window.spread(before & ~exact), window.spread(before & exact)
    return np.where(on_sample, early, np.where(on_line, line, late))


def _right(window: Window, behind: Bools, some: Bools, *, counter: bool) -> Floats:
    last = window.high - 1
    early, late = window.at(last), window.at(window.high)
    begin = np.where(late < early, 0.0, early) if counter else early
    line = begin + (late - begin) * window.spread(_share(window, last, window.end))
    return np.where(window.spread(behind & some & (window.times_at(last) < window.end[:, None])), line, early)


def _corrections(window: Window, left: Floats, right: Floats) -> Floats:
    """Resets from the left bound over the samples strictly inside to the right bound."""
    first, last = window.low, window.high - 1
    last = last - (window.exists(last) & (window.times_at(last) == window.end[:, None]))
    inner = window.spread(last >= first)
    begin, finish = window.at(first), window.at(last)
    within = lost_between(window, first, last)
    lost = (
        (0.0 if within is None else within) + np.where(begin < left, left, 0.0) + np.where(right < finish, finish, 0.0)
    )
    return np.where(inner, lost, np.where(right < left, left, 0.0))
