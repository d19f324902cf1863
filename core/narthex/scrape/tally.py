"""Durations of every scrape, counted in plain Python numbers and told when somebody asks.

``prometheus_client`` takes a lock and a few checks for every observation, because threads may share a metric. Scrapes
observe on the event loop only, two or three times each, and that was a fiftieth of what a scrape cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

__all__ = ["Tallies", "Tally"]


class Tally:
    """How many observations there were up to each bound (ascending, inclusive), and their sum."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """Of all observations."""
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound as text, and how many observations do not exceed it."""
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))


class Tallies(Collector):
    """Tallies by the value of one label, shown as a histogram and, with ``summary`` as its name, as a summary, too.

    Without a ``label`` there is one tally, under the empty value.
    """

    def __init__(
        self, histogram: str, text: str, bounds: Sequence[float], *, label: str = "", summary: str = ""
    ) -> None:
        self._names = histogram, summary
        self._text = text
        self._bounds = bounds
        self._labels = [label] if label else []
        self._by_value: dict[str, Tally] = {}

    def of(self, value: str = "") -> Tally:
        """The tally for a value of the label; made when first asked for."""
        return self._by_value.setdefault(value, Tally(self._bounds))

    def collect(self) -> Iterable[Metric]:
        """The metric families as they are now."""
        histogram, summary = self._names
        buckets = HistogramMetricFamily(histogram, self._text, labels=self._labels)
        totals = SummaryMetricFamily(summary, self._text, labels=self._labels) if summary else None
        for value, tally in self._by_value.items():
            labels = [value] if self._labels else []
            buckets.add_metric(labels, tally.buckets(), tally.total)
            if totals is not None:
                totals.add_metric(labels, tally.count, tally.total)
        return (buckets,) if totals is None else (buckets, totals)
