"""The end of every compaction: labels, histograms and facts of the block, behind its floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from narthex.model.labeltable import LabelTable
from narthex_plugins.tsdb.blocks.histogrammerge import HistogramMerge
from narthex_plugins.tsdb.blocks.histogramwriter import HistogramWriter
from narthex_plugins.tsdb.blocks.writer import BlockWriter

__all__ = ["EmptyError", "finish"]


class EmptyError(Exception):
    """Nothing is left to be written: leaves the ``with`` statement of a block without a file."""


def finish(
    block: BlockWriter,
    labels: LabelTable,
    written: Sequence[int],
    merge: HistogramMerge,
    pause: Callable[[], None],
) -> None:
    """Complete a block; ``written`` tells for each number which series of ``labels`` and of the merge it stands for.

    Raises ``EmptyError``, ``OSError`` and ``StorageError``.
    """
    if not written:
        raise EmptyError
    block.finish(labels.take(np.array(written, dtype=np.int64)), _Merged(merge, written, pause))


class _Merged:
    """The histograms of a merge by number."""

    def __init__(self, merge: HistogramMerge, written: Sequence[int], pause: Callable[[], None]) -> None:
        self._merge = merge
        self._written = written
        self._pause = pause

    def numbers(self) -> Sequence[int]:
        found: list[int] = np.flatnonzero(self._merge.there[np.array(self._written)]).tolist()
        return found

    def write(self, into: HistogramWriter, number: int, series: int) -> None:
        self._merge.write(into, self._written[number], series)
        self._pause()
