"""How long queries about native histograms take on synthetic points, the storage's own work left out.

Run ``python -m tests.benchmarks histogram_queries``: prints the least processor time of several runs, in
milliseconds, for 1,000 series of 20 to 160 buckets with a sample every 15 seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from tests.benchmarks.native_histograms import ROWS, STEP, samples_of

from narthex.model.histogram import Buckets, Hint, Histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.promql.engine import Engine
from narthex.storage.frames import HistogramPoints, Points, Selection

SERIES, STEPS = 1000, 60
START = 1_700_000_000_000
END = START + STEP * (ROWS - 2)


class Canned:
    """Answers every ``select`` with the samples of its window."""

    def __init__(self, labels: LabelTable, points: HistogramPoints) -> None:
        self.labels = labels
        self.points = points

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """All series, whatever was asked for."""
        points = self.points
        inside = (points.times >= start) & (points.times <= end)
        cut = HistogramPoints(points.series[inside], points.times[inside], points.values[inside])
        return Selection(self.labels, (), Points.none(), cut)


def counters() -> Canned:
    """Series of histograms that only grow, each with buckets of its own."""
    values = []
    for number in range(SERIES):
        first, counts = samples_of(number)
        index = np.arange(first, first + counts.shape[1], dtype=np.int32)
        for at, row in enumerate(counts.astype(np.float64)):
            total, hint = float(row.sum()), Hint.NOT_RESET if at else Hint.UNKNOWN
            values.append(Histogram(3, 1e-6, 0.0, total, total * 0.4, Buckets(index, row), hint=hint))
    labels = LabelTable.of([Labels({"__name__": "h", "i": str(i), "job": str(i % 10)}) for i in range(SERIES)])
    series = np.repeat(np.arange(SERIES), ROWS).tolist()
    times = (START + STEP * np.tile(np.arange(ROWS), SERIES)).tolist()
    return Canned(labels, HistogramPoints.of(series, times, values))


def best(run: Callable[[], object], runs: int = 3) -> float:
    """The least processor time of several runs, in milliseconds: other work on the machine counts less."""
    durations = []
    for _ in range(runs):
        begun = time.process_time()
        run()
        durations.append(time.process_time() - begun)
    return min(durations) * 1000


QUERIES = (
    "histogram_count(h)",
    "sum by (job) (h)",
    "rate(h[5m])",
    "histogram_quantile(0.9, h)",
    "histogram_fraction(0, 0.1, h)",
    "histogram_stddev(h)",
    "histogram_quantile(0.9, sum by (job) (h))",
    "histogram_quantile(0.9, sum by (job) (rate(h[5m])))",
    "histogram_quantile(0.9, rate(h[5m]))",
    "sum_over_time(h[5m])",
    "histogram_quantile(0.9, sum by (job) (avg_over_time(h[5m])))",
)


def main() -> None:
    """Print the figures."""
    engine = Engine(counters())  # type: ignore[arg-type]  # select is enough
    for query in QUERIES:
        instant = best(lambda query=query: engine.instant(query, END))
        ranged = best(lambda query=query: engine.range(query, END - STEP * (STEPS - 1), END, STEP))
        sys.stdout.write(f"{instant:9.1f} ms instant, {ranged:9.1f} ms for {STEPS} steps  {query}\n")


if __name__ == "__main__":
    main()
