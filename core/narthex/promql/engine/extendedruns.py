"""``anchored`` and ``smoothed`` windows of series with native histograms, as :mod:`narthex.promql.engine.extended`."""

from __future__ import annotations

from dataclasses import replace

from narthex.model.histogram import Hint, Histogram, IncompatibleHistogramsError, add, scale, subtract
from narthex.promql.engine.changes import change, note_kind
from narthex.promql.engine.lines import between, share_at
from narthex.promql.engine.runs import Sample, Stretch

__all__ = ["anchored_change", "anchored_stretch", "smoothed_change_of"]


def anchored_stretch(stretch: Stretch, lookback: int) -> Stretch | None:
    """The window with the last sample before it as its first; None for a window without samples of its own."""
    if stretch.high == stretch.low:
        return None
    before = stretch.before(lookback)
    return stretch if before is None else replace(stretch, low=before)


def anchored_change(stretch: Stretch, lookback: int, *, counter: bool) -> Sample | None:
    """The change since the last sample before the window."""
    whole = anchored_stretch(stretch, lookback)
    return None if whole is None else change(whole, counter=counter)


def smoothed_change_of(stretch: Stretch, lookback: int, *, counter: bool) -> Sample | None:
    """The change between the values on the lines at both bounds of the window."""
    before, behind = stretch.before(lookback), stretch.behind(lookback)
    if stretch.high == stretch.low and (before is None or behind is None):
        return None
    low = stretch.low if before is None else before
    high = stretch.high if behind is None else behind + 1
    whole = replace(stretch, low=low, high=high)
    histograms = whole.histograms()
    if histograms is None and whole.numbers() is None:
        stretch.notes.mixed_samples(stretch.run.name)
        return None
    if histograms is not None:
        note_kind(whole, histograms, counter=counter)
    try:
        return _smoothed(stretch, whole, counter=counter)
    except IncompatibleHistogramsError:
        stretch.notes.mixed_schemas(stretch.run.name)
        return None


def _smoothed(stretch: Stretch, whole: Stretch, *, counter: bool) -> Sample | None:
    """The right value less the left one, plus the samples before each reset strictly between them.

    On a line that a reset cuts the counter is taken to grow from zero. So a left value lies behind the reset of its
    line, and for a right value the last sample before that reset is lost, if it lies within the window.
    """
    run, low, last = stretch.run, whole.low, whole.high - 1
    left, right = run.samples[low], run.samples[last]
    on_line = run.times[low] < stretch.start and last > low
    if on_line:
        found = _at(stretch, low, stretch.start, counter=counter)
        if found is None:
            return None
        left = found
    if run.times[last] > stretch.end:
        last -= 1
        right = run.samples[last]
        if run.times[last] < stretch.end:
            found = _at(stretch, last, stretch.end, counter=counter)
            if found is None:
                return None
            right = found
    value = _less(right, left, stretch)
    if counter:
        for row in range(low + 1 + on_line, whole.high):
            if run.reset_at(row) and run.times[row - 1] < stretch.end:
                value = _plus(value, run.samples[row - 1], stretch)
    return value.with_hint(Hint.GAUGE).compact() if isinstance(value, Histogram) else value


def _at(stretch: Stretch, row: int, moment: int, *, counter: bool) -> Sample | None:
    """The value on the line from ``row`` to the next one."""
    share, after = share_at(stretch, row, moment), stretch.run.samples[row + 1]
    if counter and stretch.run.reset_at(row + 1):
        return scale(after, share) if isinstance(after, Histogram) else after * share
    return between(stretch, stretch.run.samples[row], after, share)


def _less(one: Sample, other: Sample, stretch: Stretch) -> Sample:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return stretch.notes.combined(subtract(one, other), "subtraction", hints=False)
    assert not isinstance(one, Histogram)
    assert not isinstance(other, Histogram)  # windows of both kinds were refused
    return one - other


def _plus(one: Sample, other: Sample, stretch: Stretch) -> Sample:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return stretch.notes.combined(add(one, other), "addition", hints=False)
    assert not isinstance(one, Histogram)
    assert not isinstance(other, Histogram)
    return one + other
