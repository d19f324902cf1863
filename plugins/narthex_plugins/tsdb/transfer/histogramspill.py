"""Histograms on their way into blocks: kept in temporary files, in the order of arrival, until the blocks are written.

Each file is what a sealed file of the head is, with a number of ours in the place of references, so that many more
histograms than fit into memory can be imported, and blocks are made of them as in compaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.storage.frames import NO_START
from narthex_plugins.tsdb.blocks.histogrammerge import HistogramMerge, HistogramSource
from narthex_plugins.tsdb.blocks.histogramwriter import HistogramWriter
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.histograms.columns import columns_of_samples
from narthex_plugins.tsdb.histograms.joining import joined_columns
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms

__all__ = ["HistogramSpill", "SpilledHistograms"]

Ints = NDArray[np.int64]


class HistogramSpill:
    """``directory`` is for temporary files; it must exist, and its owner removes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers: dict[Labels, int] = {}
        self._files: list[SealedHistograms] = []
        self._count = 0

    def add(self, labels: Sequence[Labels], series: Ints, times: Ints, values: Sequence[Histogram]) -> None:
        """Take samples of some series; ``series`` are places in ``labels``, ``times`` ms. Raises ``OSError``."""
        used, own = np.unique(series, return_inverse=True)
        numbers = np.array([self._numbers.setdefault(labels[one], len(self._numbers)) for one in used.tolist()])
        refs, starts = numbers[own.reshape(-1)].tolist(), [NO_START] * len(times)
        samples = list(zip(refs, times.tolist(), starts, values, strict=True))
        found = joined_columns([], [columns_of_samples(samples)])
        ranges = found.times // RANGE
        for one in np.unique(ranges).tolist():  # each file within one range, as in the head
            self._count += 1
            path = self._directory / f"histograms-{self._count:08d}.nrx"
            write_histograms(found.take(np.flatnonzero(ranges == one)), self._count, path)
            self._files.append(SealedHistograms(ArrayFile(path), _raise))

    def slots(self) -> list[int]:
        """The block ranges there are samples of, counted from the epoch."""
        return sorted({one.min_time // RANGE for one in self._files})

    def of(self, slot: int | None = None) -> SpilledHistograms:
        """What there is of a block range, or of all."""
        files = [one for one in self._files if slot is None or one.min_time // RANGE == slot]
        return SpilledHistograms(files, list(self._numbers))

    def clear(self) -> None:
        """Forget everything, and remove the files."""
        for one in self._files:
            one.file.path.unlink()
        self._files.clear()
        self._numbers.clear()


class SpilledHistograms:
    """Some of them, to be written into one block (:class:`..blocks.writer.Histograms`)."""

    def __init__(self, files: Sequence[SealedHistograms], labels: Sequence[Labels]) -> None:
        every = np.arange(len(labels))
        sources = [HistogramSource(one.section, every, {}) for one in files]
        self._merge = HistogramMerge(sources, np.zeros(len(labels), dtype=np.uint64))
        self._labels = labels
        self._series: dict[int, int] = {}

    def enter(self, numbers: dict[Labels, int]) -> None:
        """Give each series its number in the block; those that ``numbers`` lacks are added to it."""
        for series in np.flatnonzero(self._merge.there).tolist():
            self._series[numbers.setdefault(self._labels[series], len(numbers))] = series

    def numbers(self) -> Sequence[int]:
        """The numbers of the series."""
        return list(self._series)

    def write(self, into: HistogramWriter, number: int, series: int) -> None:
        """Write the histograms of a number."""
        self._merge.write(into, self._series[number], series)


def _raise(error: StorageError) -> None:
    raise error
