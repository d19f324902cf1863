"""Windows over series that are more than columns of numbers: with native histograms, or with start timestamps.

Such a series is a :class:`Run` of samples beside the blocks of numbers; a :class:`Stretch` is one window of it.
Functions of ranges say what they give for a stretch, in plain Python. All other series never come here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from narthex.model.histogram import BARE_SIZE, Hint, Histogram, sample_sizes, was_reset
from narthex.model.labeltable import LabelTable
from narthex.promql.engine.gather_rows import NEVER
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Bools, Ints, Vector
from narthex.promql.engine.windows import blocks
from narthex.storage.frames import Frame, HistogramPoints, Points, Selection

if TYPE_CHECKING:
    from narthex.promql.engine.denseruns import Dense

__all__ = ["OfStretch", "Run", "Sample", "Stretch", "runs_of", "runs_of_vector", "stretches"]

Sample = float | Histogram


class Run:
    """The samples of one series, in order of time.

    ``series`` is its row in the label table, ``name`` its metric name, ``times`` int64 in ms; ``starts`` (ms, 0 for
    unknown) is empty when start timestamps are not to be used. ``bare``: of its histograms only count and sum matter.
    """

    __slots__ = ("_natives", "_resets", "bare", "name", "samples", "series", "starts", "times")

    def __init__(
        self,
        series: int,
        name: str,
        times: Ints,
        samples: Sequence[Sample],
        starts: Sequence[int] = (),
        *,
        bare: bool = False,
    ) -> None:
        self.series = series
        self.name = name
        self.times = times
        self.samples = samples
        self.starts = starts if any(starts) else ()
        self.bare = bare
        self._natives: Ints | None = None
        self._resets: dict[int, bool] = {}

    def natives(self, low: Ints, high: Ints) -> Ints:
        """How many samples of the rows ``low`` … ``high`` (exclusive) are histograms."""
        if self._natives is None:
            self._natives = np.cumsum([0, *(isinstance(one, Histogram) for one in self.samples)])
        return np.asarray(self._natives[high] - self._natives[low])

    def sizes(self, low: Ints, high: Ints) -> Ints:
        """For how many samples the histograms of those rows count."""
        native = [one for one in self.samples if isinstance(one, Histogram)]
        if self.bare:
            return BARE_SIZE * self.natives(low, high)
        running = np.concatenate([[0], np.cumsum(sample_sizes(native))])
        before = np.zeros(1, dtype=np.int64)
        return np.asarray(running[self.natives(before, high)] - running[self.natives(before, low)])

    def reset_at(self, row: int) -> bool:
        """Whether a counter was started anew between the sample before ``row`` and this one."""
        known = self._resets.get(row)
        if known is None:
            known = self._resets[row] = self._restarted(row) or self._fell(row)
        return known

    def _fell(self, row: int) -> bool:
        match self.samples[row - 1], self.samples[row]:
            case Histogram() as before, Histogram() as now:
                return was_reset(before, now)
            case float() as value_before, float() as value:
                return value < value_before
            case _:
                return True

    def started(self, row: int) -> int | None:
        """When the counter behind a sample began to count, if that is known and before the sample's own time."""
        start = self.starts[row] if self.starts else 0
        return start if 0 < start < self.times[row] else None

    def _restarted(self, row: int) -> bool:
        """Whether the start timestamps tell of a reset (source: Prometheus's proposal PROM-77).

        A start just at the time before is a new interval of a delta metric if that one had a start of its own;
        otherwise it is what OpenTelemetry writes for a counter whose start is not known.
        """
        start, before = self.started(row), int(self.times[row - 1])
        if start is None or start < before:
            return False
        return start > before or self.started(row - 1) is not None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows ``low`` … ``high`` (exclusive) of a run: its window ``(start, end]``, ms, at ``step`` of the query."""

    run: Run
    low: int
    high: int
    start: int
    end: int
    step: int
    notes: Notes

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples of the window."""
        return self.run.samples[self.low : self.high]

    @property
    def seconds(self) -> float:
        """Length of the range."""
        return (self.end - self.start) / 1000

    def histograms(self) -> list[Histogram] | None:
        """The samples, if all are histograms; None otherwise."""
        found = [one for one in self.samples if isinstance(one, Histogram)]
        return found if len(found) == self.high - self.low else None

    def numbers(self) -> list[float] | None:
        """The samples, if all are numbers; None otherwise."""
        found = [one for one in self.samples if not isinstance(one, Histogram)]
        return found if len(found) == self.high - self.low else None

    def before(self, lookback: int) -> int | None:
        """The row of the last sample at or before the window's start, if it is not too old."""
        row = self.low - 1
        return row if row >= 0 and self.run.times[row] > self.start - lookback else None

    def behind(self, lookback: int) -> int | None:
        """The row of the first sample after the window's end, if it is near enough."""
        row = self.high
        return row if row < len(self.run.times) and self.run.times[row] <= self.end + lookback else None


@dataclass(frozen=True, slots=True)
class OfStretch:
    """What a function gives for one window: a number, a histogram, or None for nothing.

    It is asked for windows with a histogram; with ``beyond`` also where one stands next to the window, and wherever
    start timestamps are known. ``dense`` does the same for many
    regular series at once.
    """

    compute: Callable[[Stretch], Sample | None]
    beyond: bool = False
    dense: Dense | None = None


# --- where runs come from ---


def runs_of(selection: Selection, start: int, end: int, *, starts: bool, bare: bool = False) -> list[Run]:
    """The runs of a selection with their samples of ``start`` < t <= ``end``; ``starts`` whether those matter.

    ``bare`` as in :class:`Run`.
    """
    natives = _between(selection.histograms, start, end)
    special = np.zeros(selection.labels.rows, dtype=np.bool_)
    special[natives.series] = True
    if starts and selection.points.starts is not None:
        special[selection.points.series[selection.points.starts != 0]] = True
    if not special.any():
        return []
    numbers = _numbers(selection, special, start, end)
    bounds = np.searchsorted(natives.series, np.arange(selection.labels.rows + 1)).tolist()
    names = _names(selection.labels)
    runs = []
    for series in np.flatnonzero(special).tolist():
        part = slice(bounds[series], bounds[series + 1])
        times, samples = _merged(natives.times[part], natives.values[part].tolist(), numbers.get(series))
        known = _starts(selection, natives, series) if starts else {}
        began = [known.get(time, 0) for time in times.tolist()] if known else ()
        runs.append(Run(series, names[series], times, samples, began, bare=bare))
    return runs


def _merged(
    times: Ints, histograms: list[Sample], numbers: list[tuple[int, float]] | None
) -> tuple[Ints, list[Sample]]:
    """Histograms and numbers of a series in order of time; mostly there are only histograms."""
    if not numbers:
        return times, histograms
    samples: dict[int, Sample] = dict(numbers)
    samples.update(zip(times.tolist(), histograms, strict=True))
    ordered = sorted(samples)
    return np.array(ordered, dtype=np.int64), [samples[time] for time in ordered]


def _between(points: HistogramPoints, start: int, end: int) -> HistogramPoints:
    """The points of the window, without those that mark the end of a series."""
    keep = (points.times > start) & (points.times <= end)
    keep &= np.array([not one.stale for one in points.values], dtype=np.bool_)
    if keep.all():
        return points
    known = None if points.starts is None else points.starts[keep]
    return HistogramPoints(points.series[keep], points.times[keep], points.values[keep], known)


def _numbers(selection: Selection, special: Bools, start: int, end: int) -> dict[int, list[tuple[int, float]]]:
    """The samples of the special series that are numbers: time and value, by series."""
    frames = []
    for frame in selection.frames:
        kept = np.flatnonzero(special[frame.series])
        if len(kept):
            frames.append(Frame(frame.matrix, frame.columns[kept], frame.series[kept], frame.times, frame.group[kept]))
    points = selection.points
    inside = special[points.series]
    part = replace(
        selection,
        frames=frames,
        points=Points(points.series[inside], points.times[inside], points.values[inside]),
    )
    found: dict[int, list[tuple[int, float]]] = {}
    for block in blocks(part, start, end):
        for column, series in enumerate(block.series.tolist()):
            times = block.times[:, block.group[column]]
            here = (times > start) & (times <= end) & (times != NEVER)
            values = block.values[: len(times), column]
            found[series] = list(zip(times[here].tolist(), values[here].tolist(), strict=True))
    return found


def _starts(selection: Selection, natives: HistogramPoints, series: int) -> dict[int, int]:
    """The known start timestamps of one series, by the time of the sample."""
    known: dict[int, int] = {}
    for points in (selection.points, natives):
        if points.starts is not None:
            mine = points.series == series
            known.update(zip(points.times[mine].tolist(), points.starts[mine].tolist(), strict=True))
    return known


def _names(labels: LabelTable) -> list[str]:
    column = labels.columns.get("__name__")
    return [""] * labels.rows if column is None else column.values()


def runs_of_vector(vector: Vector, times: Ints) -> list[Run]:
    """The series of a computed vector that hold a histogram; ``times`` are those of its steps.

    Samples of a subquery need not be neighbours in their series, so what was known of resets between neighbours is
    forgotten.
    """
    native = vector.histogram_cells()
    if native is None or vector.histograms is None:
        return []
    names, mask = _names(vector.labels), vector.mask()
    runs = []
    for series in np.flatnonzero(native.any(axis=0)).tolist():
        there = np.flatnonzero(mask[:, series])
        objects, numbers = vector.histograms[there, series].tolist(), vector.values[there, series].tolist()
        samples = [number if one is None else _unhinted(one) for one, number in zip(objects, numbers, strict=True)]
        runs.append(Run(series, names[series], times[there], samples))
    return runs


def _unhinted(histogram: Histogram) -> Histogram:
    return histogram if histogram.hint is Hint.GAUGE else histogram.with_hint(Hint.UNKNOWN)


# --- windows ---


def stretches(run: Run, start: Ints, end: Ints, notes: Notes, *, beyond: bool) -> Iterator[Stretch]:
    """The windows of a run that hold a histogram; ``start`` and ``end`` are int64 ``[K]``, ms.

    With ``beyond`` also those with one right before or behind, and all windows of a run with start timestamps.
    """
    low = np.searchsorted(run.times, start, side="right")
    high = np.searchsorted(run.times, end, side="right")
    if beyond and run.starts:
        wanted = np.arange(len(start))
    else:
        margin = 1 if beyond else 0
        wanted = np.flatnonzero(run.natives(np.maximum(low - margin, 0), np.minimum(high + margin, len(run.times))) > 0)
    rows = zip(*(bounds[wanted].tolist() for bounds in (low, high, start, end)), strict=True)
    for step, (first, behind, begin, finish) in zip(wanted.tolist(), rows, strict=True):
        yield Stretch(run, first, behind, begin, finish, step, notes)
