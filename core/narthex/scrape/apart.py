"""Samples that are no cell of a target's row: native histograms, and numbers with a start timestamp.

They are stored as points at the time of the scrape (or their own). A target has few of them beside its plain numbers,
so they are handled one by one; what a series' labels become is remembered by its text, as for rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from narthex.model.histogram import Histogram, fault_of
from narthex.model.labels import Labels
from narthex.scrape.exposition import HistogramSeries, Series, StartTimestamps
from narthex.scrape.identity import SeriesIdentity
from narthex.scrape.plan import FUTURE, Counts, stored
from narthex.scrape.resolution import Resolution
from narthex.storage.frames import NO_START, HistogramPoints, Points

__all__ = ["ApartPlan", "ApartSeries", "Staged", "merged"]

_LATEST_START = 1 << 62
"""In ms; a message may claim more than 64 bits hold."""


@dataclass(slots=True)
class ApartPlan:
    """What becomes of the samples of one body, before anything is changed. ``new`` are labels to register."""

    samples: list[Series | HistogramSeries] = field(default_factory=list)
    new: dict[str, Labels | None] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    fault: str = ""
    """The first histogram that contradicts itself, and how; such are left out."""

    @property
    def labels(self) -> list[Labels]:
        """Labels of the new series, those that relabeling left."""
        return [one for one in self.new.values() if one is not None]


@dataclass(frozen=True, slots=True)
class Staged:
    """Points to append; and the references of series at the time of the scrape, which end when they vanish."""

    points: Points | None = None
    histograms: HistogramPoints | None = None
    present: frozenset[int] = frozenset()
    out_of_bounds: int = 0


class ApartSeries:
    """The series of one target that have no cell."""

    __slots__ = ("_refs", "_starts")

    def __init__(self) -> None:
        self._refs: dict[str, int | None] = {}
        self._starts: dict[str, int] = {}

    def plan(
        self, samples: Sequence[Series | HistogramSeries], identity: SeriesIdentity, resolution: Resolution
    ) -> ApartPlan:
        """Decide over the samples. Raises ``ScrapeError`` for labels or buckets that break a limit."""
        plan = ApartPlan()
        kept = refused = 0
        for sample in samples:
            labels = plan.new.get(sample.series)
            if sample.series not in self._refs and sample.series not in plan.new:
                labels = plan.new[sample.series] = identity.of(sample.labels)
            if labels is None and self._refs.get(sample.series) is None:
                continue  # dropped by relabeling
            kept += 1
            fitted = sample
            if isinstance(sample, HistogramSeries):
                if fault := fault_of(sample.histogram):
                    refused += 1
                    plan.fault = plan.fault or f"{sample.series}: {fault}"
                    plan.new.pop(sample.series, None)
                    continue
                fitted = replace(sample, histogram=resolution.fit(sample.histogram))
            plan.samples.append(fitted)
        plan.counts = Counts(scraped=len(samples), kept=kept, added=len(plan.labels), histograms_refused=refused)
        return plan

    def stage(
        self, plan: ApartPlan, refs: Sequence[int], timestamp: int, starts: StartTimestamps, *, honor: bool
    ) -> Staged:
        """The points of a body, given the references of its new series. ``honor``: times of their own count.

        Samples from further ahead than ``FUTURE`` are left out.
        """
        given = iter(refs)
        self._refs |= {series: None if labels is None else next(given) for series, labels in plan.new.items()}
        floats: list[tuple[int, int, float, int]] = []
        held: list[tuple[int, int, Histogram, int]] = []
        present: set[int] = set()
        late = 0
        for sample in plan.samples:
            ref = self._refs[sample.series]
            assert ref is not None  # the plan has only kept ones
            own = sample.timestamp if honor else None
            when = timestamp if own is None else own
            if own is None:
                present.add(ref)
            elif own > timestamp + FUTURE:
                late += 1
                continue
            zero, start = self._start(sample, when, starts)
            if isinstance(sample, HistogramSeries):
                held += [(ref, zero, _emptied(sample.histogram), NO_START)] if zero else []
                held.append((ref, when, sample.histogram, start))
            else:
                floats += [(ref, zero, 0.0, NO_START)] if zero else []
                floats.append((ref, when, stored(sample.value), start))
        here = {sample.series for sample in plan.samples} | {one for one, labels in plan.new.items() if labels is None}
        self._refs = {series: ref for series, ref in self._refs.items() if series in here}
        self._starts = {series: start for series, start in self._starts.items() if series in here}
        return Staged(_points(floats), _histogram_points(held), frozenset(present), late)

    def _start(self, sample: Series | HistogramSeries, when: int, starts: StartTimestamps) -> tuple[int, int]:
        """When to store a zero (0: not at all), and the start timestamp to store with the sample."""
        start = sample.start_timestamp
        if start is None or not 0 < start < _LATEST_START or starts is StartTimestamps.IGNORED:
            return 0, NO_START
        if starts is StartTimestamps.STORED:
            return 0, start
        known = self._starts.get(sample.series)
        self._starts[sample.series] = start
        return (start if start != known and start < when else 0), NO_START


def _emptied(histogram: Histogram) -> Histogram:
    """What the histogram was when its counter started."""
    return Histogram(histogram.schema, histogram.zero_threshold, bounds=histogram.bounds, hint=histogram.hint)


def _points(found: Sequence[tuple[int, int, float, int]]) -> Points | None:
    if not found:
        return None
    refs, times, values, starts = zip(*found, strict=True)
    known = np.array(starts, dtype=np.int64)
    return Points(
        np.array(refs, dtype=np.int64),
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        known if known.any() else None,
    )


def _histogram_points(found: Sequence[tuple[int, int, Histogram, int]]) -> HistogramPoints | None:
    if not found:
        return None
    refs, times, values, starts = zip(*found, strict=True)
    return HistogramPoints.of(refs, times, values, starts if any(starts) else None)


def merged(one: Points | None, other: Points | None) -> Points | None:
    """Both together."""
    if one is None or other is None:
        return other if one is None else one
    starts = None
    if one.starts is not None or other.starts is not None:
        known = [np.full(len(x.times), NO_START) if x.starts is None else x.starts for x in (one, other)]
        starts = np.concatenate(known)
    parts = (np.concatenate([getattr(x, name) for x in (one, other)]) for name in ("series", "times", "values"))
    series, times, values = parts
    return Points(series, times, values, starts)
