"""Rates, changes and resets of series with native histograms or start timestamps: one window at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

from narthex.model.histogram import Histogram, same, scale
from narthex.promql.ast import VectorSelector
from narthex.promql.engine.changes import extrapolated, last_two
from narthex.promql.engine.densechange import DenseChange
from narthex.promql.engine.extendedruns import anchored_change, anchored_stretch, smoothed_change_of
from narthex.promql.engine.runs import OfStretch, Run, Sample, Stretch

__all__ = ["change_of", "changes_of", "instantaneous_of", "resets_of"]


def change_of(selector: VectorSelector | None, lookback: int, *, counter: bool, per_second: bool) -> OfStretch:
    """``rate``, ``increase`` or ``delta``, in the way the selector asks for."""

    def compute(stretch: Stretch) -> Sample | None:
        factor = 1 / stretch.seconds if per_second else 1.0
        if selector is not None and selector.smoothed:
            found = smoothed_change_of(stretch, lookback, counter=counter)
        elif selector is not None and selector.anchored:
            found = anchored_change(stretch, lookback, counter=counter)
        else:
            extended = extrapolated(stretch, counter=counter)
            if extended is None:
                return None
            found, factor = extended[0], extended[1] * factor
        return None if found is None else _times(found, factor)

    plain = selector is None or not (selector.smoothed or selector.anchored)
    return OfStretch(compute, beyond=True, dense=DenseChange(counter, per_second) if plain else None)


def _times(sample: Sample, factor: float) -> Sample:
    return scale(sample, factor) if isinstance(sample, Histogram) else sample * factor


def instantaneous_of(*, rate: bool) -> OfStretch:
    """``irate`` or ``idelta``."""

    def compute(stretch: Stretch) -> Sample | None:
        found = last_two(stretch, rate=rate)
        if found is None or not rate:
            return found
        last, before = stretch.run.times[stretch.high - 1], stretch.run.times[stretch.high - 2]
        return _times(found, 1000 / float(last - before))

    return OfStretch(compute, beyond=True)


def changes_of(selector: VectorSelector | None, lookback: int) -> OfStretch:
    """``changes``: how many samples differ from the one before, in value or in kind."""
    return _count(selector, lookback, _changed)


def resets_of(selector: VectorSelector | None, lookback: int) -> OfStretch:
    """``resets``: how many samples begin anew; a change of kind does."""
    return _count(selector, lookback, Run.reset_at)


def _count(selector: VectorSelector | None, lookback: int, test: Callable[[Run, int], bool]) -> OfStretch:
    def compute(stretch: Stretch) -> Sample | None:
        if stretch.high == stretch.low:
            return None
        whole = anchored_stretch(stretch, lookback) if selector is not None and selector.anchored else stretch
        assert whole is not None  # the window is not empty
        return float(sum(test(whole.run, row) for row in range(whole.low + 1, whole.high)))

    return OfStretch(compute, beyond=True)


def _changed(run: Run, row: int) -> bool:
    match run.samples[row - 1], run.samples[row]:
        case Histogram() as before, Histogram() as now:
            return not same(before, now)
        case float() as value_before, float() as value:
            return value != value_before and not (math.isnan(value) and math.isnan(value_before))
        case _:
            return True
