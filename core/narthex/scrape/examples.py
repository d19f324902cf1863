"""Exemplars of a scraped body, on their way to the ring that keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from narthex.model.labels import Labels
from narthex.scrape.exposition import HistogramSeries, Series
from narthex.scrape.identity import SeriesIdentity
from narthex.storage.exemplars import ExemplarRing, StoredExemplar

__all__ = ["ExemplarSeries"]


class ExemplarSeries:
    """The series of one target that come with exemplars, and what their labels become."""

    __slots__ = ("_labels", "_ring")

    def __init__(self, ring: ExemplarRing) -> None:
        self._ring = ring
        self._labels: dict[str, Labels | None] = {}

    def keep(
        self, samples: Iterable[Series | HistogramSeries], identity: SeriesIdentity, timestamp: int, *, honor: bool
    ) -> int:
        """Keep the samples' exemplars; how many were out of order.

        An exemplar without a time of its own has the sample's: that of the scrape (ms), unless ``honor`` says that
        times of their own count.
        """
        refused = 0
        known, self._labels = self._labels, {}
        for sample in samples:
            if not sample.exemplars:
                continue
            labels = known[sample.series] if sample.series in known else identity.of(sample.labels)
            self._labels[sample.series] = labels
            if labels is None:  # dropped by relabeling
                continue
            when = sample.timestamp if honor and sample.timestamp is not None else timestamp
            for one in sorted(sample.exemplars, key=lambda one: when if one.timestamp is None else one.timestamp):
                stored = StoredExemplar(Labels(one.labels), one.value, when if one.timestamp is None else one.timestamp)
                refused += not self._ring.add(labels, stored)
        return refused
