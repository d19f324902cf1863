"""The straight line between two samples, which may be histograms: for ``smoothed`` selectors and ranges."""

from __future__ import annotations

from narthex.model.histogram import Histogram, IncompatibleHistogramsError, add, scale
from narthex.promql.engine.runs import Sample, Stretch

__all__ = ["between", "sample_on_line", "share_at"]


def between(stretch: Stretch, one: Sample, other: Sample, share: float) -> Sample | None:
    """``one`` and ``other``, the latter weighed by ``share``; None, with a warning, where they do not go together."""
    notes, name = stretch.notes, stretch.run.name
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        try:
            outcome = add(scale(one, 1 - share), scale(other, share))
        except IncompatibleHistogramsError:
            notes.mixed_schemas(name)
            return None
        return notes.combined(outcome, "addition", hints=False).compact()
    if isinstance(one, Histogram) or isinstance(other, Histogram):
        notes.mixed_samples(name)
        return None
    return one + (other - one) * share


def share_at(stretch: Stretch, row: int, moment: int) -> float:
    """How far ``moment`` (ms) lies between the samples of ``row`` and the next one."""
    begin, finish = int(stretch.run.times[row]), int(stretch.run.times[row + 1])
    return (moment - begin) / max(finish - begin, 1)


def sample_on_line(stretch: Stretch, lookback: int) -> Sample | None:
    """The sample at the window's end, on the line between those around it; the last one where nothing follows yet."""
    if stretch.high == stretch.low:
        return None
    last, run = stretch.high - 1, stretch.run
    behind = stretch.behind(lookback)
    if behind is None or run.times[last] == stretch.end:
        return run.samples[last]
    return between(stretch, run.samples[last], run.samples[behind], share_at(stretch, last, stretch.end))
