"""Sealed histograms of the head: a file of one section (:mod:`..blocks.histograms`), which names series by reference.

A file lies within one range of two hours, so compaction takes whole files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.storage.frames import HistogramPoints
from narthex_plugins.tsdb.blocks.histograms import HistogramSection
from narthex_plugins.tsdb.blocks.histogramwriter import HistogramWriter
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter
from narthex_plugins.tsdb.histograms.columns import Columns

__all__ = ["SealedHistograms", "write_histograms"]

Ints = NDArray[np.int64]


def write_histograms(columns: Columns, number: int, path: Path) -> None:
    """Write columns that are sorted by series, then time. Raises ``OSError``."""
    low, high = int(columns.times.min()), int(columns.times.max())
    with ArrayFileWriter(path, {"kind": "histograms", "number": number, "min_time": low, "max_time": high}) as file:
        section = HistogramWriter(file)
        refs, starts = np.unique(columns.refs, return_index=True)
        ends = np.append(starts[1:], len(columns))
        for ref, begin, end in zip(refs.tolist(), starts.tolist(), ends.tolist(), strict=True):
            section.put(ref, columns.part(begin, end))
        section.finish()


class SealedHistograms:
    """An open file; see :class:`.store.HistogramRun`. A damaged segment reads as absent, and ``damaged`` is told."""

    in_memory = False

    def __init__(self, file: ArrayFile, damaged: Callable[[StorageError], None]) -> None:
        self.file = file
        self.number = int(file.facts["number"])
        self.min_time, self.max_time = int(file.facts["min_time"]), int(file.facts["max_time"])
        self.section = HistogramSection(file, damaged)

    def pick(self, refs: Ints, start: int, end: int) -> HistogramPoints:
        """Samples of these series (ascending) in a window; ``series`` counts places in ``refs``."""
        if self.max_time < start or self.min_time > end or not len(refs):
            return HistogramPoints.none()
        return self.section.pick(refs, start, end)

    def weight(self, refs: Ints, start: int, end: int) -> int:
        """For about how many float samples those count."""
        return 0 if self.max_time < start or self.min_time > end else self.section.weight(refs, start, end)

    def holds(self, count: int) -> NDArray[np.bool_]:
        """For the references below ``count`` whether there are samples for them."""
        flags = np.zeros(count, dtype=np.bool_)
        flags[self.section.series[self.section.series < count]] = True
        return flags

    def top(self) -> int:
        """One more than the largest reference."""
        return 1 + int(self.section.series.max(initial=0))
