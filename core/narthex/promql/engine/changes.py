"""How much histograms, or counters with start timestamps, changed over a window: what rates are made of.

Numbers without start timestamps are computed as whole arrays elsewhere (:mod:`narthex.promql.engine.functions.rates`);
here stand the windows of all other series, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from narthex.model.histogram import Hint, Histogram, IncompatibleHistogramsError, add, reduce_to, subtract
from narthex.promql.engine.runs import Sample, Stretch

__all__ = ["change", "extrapolated", "last_two", "note_kind"]

T = TypeVar("T", float, Histogram)


def change(stretch: Stretch, *, counter: bool, from_zero: bool = False) -> Sample | None:
    """The last sample less the first one (less nothing if ``from_zero``), plus what a counter lost at resets.

    None, with a warning, for a window whose samples do not go together.
    """
    numbers = stretch.numbers()
    if numbers is not None:
        first = 0.0 if from_zero else numbers[0]
        return numbers[-1] - first + (sum(_losses(stretch, numbers)) if counter else 0.0)
    histograms = stretch.histograms()
    if histograms is None:
        stretch.notes.mixed_samples(stretch.run.name)
        return None
    return _of_histograms(stretch, histograms, counter=counter, from_zero=from_zero)


def _losses(stretch: Stretch, samples: Sequence[T]) -> list[T]:
    """The samples before each reset."""
    run, low = stretch.run, stretch.low
    return [samples[row - 1] for row in range(1, len(samples)) if run.reset_at(low + row)]


def _of_histograms(
    stretch: Stretch, samples: Sequence[Histogram], *, counter: bool, from_zero: bool
) -> Histogram | None:
    notes, name = stretch.notes, stretch.run.name
    note_kind(stretch, samples, counter=counter)
    # A first sample right before a reset adds nothing, and its buckets may be quite different: it is left out.
    alone = counter and not from_zero and len(samples) > 1 and stretch.run.reset_at(stretch.low + 1)
    losses = _losses(stretch, samples) if counter else []
    used = samples[1:] if alone else samples
    judged = used if counter else (used[0], used[-1])
    if len({one.custom for one in judged}) > 1:
        notes.mixed_schemas(name)
        return None
    value = samples[-1]
    if not alone and not from_zero:
        value = notes.combined(subtract(value, samples[0]), "subtraction", hints=False)
    for lost in losses[1:] if alone else losses:
        value = notes.combined(add(value, lost), "addition", hints=False)
    if counter and not value.custom:
        value = reduce_to(value, min(value.schema, *(one.schema for one in used)))
    return value.with_hint(Hint.GAUGE).compact()


def note_kind(stretch: Stretch, samples: Sequence[Histogram], *, counter: bool) -> None:
    """Warn of gauges where counters are meant, and the other way round."""
    if counter and any(one.hint is Hint.GAUGE for one in samples):
        stretch.notes.not_counter(stretch.run.name)
    if not counter and (samples[0].hint is not Hint.GAUGE or samples[-1].hint is not Hint.GAUGE):
        stretch.notes.not_gauge(stretch.run.name)


def extrapolated(stretch: Stretch, *, counter: bool) -> tuple[Sample, float] | None:
    """The change over the window, and the factor that extends it to the window's bounds.

    The rules are those for numbers. A counter that is known to have started inside the window began with zero there, so
    nothing has to be guessed at that end. A single sample is enough then, and nothing is guessed at the other end
    (source: Prometheus's proposal PROM-77).
    """
    run, low, last = stretch.run, stretch.low, stretch.high - 1
    count = stretch.high - low
    start = run.started(low) if counter and count else None
    from_zero = start is not None and start > stretch.start
    if count < (1 if from_zero else 2):
        return None
    amount = change(stretch, counter=counter, from_zero=from_zero)
    if amount is None:
        return None
    first_time, last_time = int(run.times[low]), int(run.times[last])
    average = (last_time - first_time) / 1000 / max(count - 1, 1)
    begin = start if from_zero and start is not None else first_time
    sampled = (last_time - begin) / 1000
    to_start = 0.0 if from_zero else _reach((begin - stretch.start) / 1000, average)
    to_end = _reach((stretch.end - last_time) / 1000, average)
    if counter and not from_zero:
        to_start = min(to_start, _to_zero(run.samples[low], amount, sampled))
    return amount, (sampled + to_start + to_end) / sampled


def _reach(distance: float, average: float) -> float:
    """How far an end is extended: to the bound when that is about as near as samples are to each other."""
    return average / 2 if distance >= average * 1.1 else distance


def _to_zero(first: Sample, amount: Sample, sampled: float) -> float:
    """How long before its first sample a counter must have been zero; infinite where nothing tells."""
    begin, grown = (one.count if isinstance(one, Histogram) else one for one in (first, amount))
    return sampled * (begin / grown) if grown > 0 and begin >= 0 else float("inf")


def last_two(stretch: Stretch, *, rate: bool) -> Sample | None:
    """The difference of the last two samples; for a rate that of a counter."""
    run, last = stretch.run, stretch.high - 1
    if last - stretch.low < 1:
        return None
    before, now = run.samples[last - 1], run.samples[last]
    fresh = rate and run.reset_at(last)
    if isinstance(before, Histogram) and isinstance(now, Histogram):
        note_kind(stretch, (before, now), counter=rate)
        return _difference(stretch, before, now, fresh=fresh)
    if isinstance(before, Histogram) or isinstance(now, Histogram):
        stretch.notes.mixed_samples(run.name)
        return None
    return now if fresh else now - before


def _difference(stretch: Stretch, before: Histogram, now: Histogram, *, fresh: bool) -> Histogram | None:
    value = now
    if not fresh:
        try:
            value = stretch.notes.combined(subtract(now, before), "subtraction", hints=False)
        except IncompatibleHistogramsError:
            stretch.notes.mixed_schemas(stretch.run.name)
            return None
    return value.with_hint(Hint.GAUGE).compact()
