"""Writing blocks.

:class:`BlockWriter` takes series in any order, one column at a time, and holds no more of them than a few numbers a
page, so a block may be larger than memory. :func:`write_block` is the short way for samples that are there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labeltable import LabelTable
from narthex_plugins.tsdb.blocks.histogramwriter import HistogramWriter
from narthex_plugins.tsdb.blocks.labels import order_of, write_labels
from narthex_plugins.tsdb.blocks.plan import RANGE, range_of
from narthex_plugins.tsdb.blocks.section import SectionWriter
from narthex_plugins.tsdb.container import ArrayFileWriter
from narthex_plugins.tsdb.histograms.columns import Columns

__all__ = ["BlockWriter", "Histograms", "block_path", "write_block"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def block_path(directory: Path, number: int) -> Path:
    """The file of the block with this number."""
    return directory / f"block-{number:08d}.nrx"


class Histograms(Protocol):
    """The histograms of series that are written under numbers."""

    def numbers(self) -> Sequence[int]:
        """The numbers of the series that have any."""

    def write(self, into: HistogramWriter, number: int, series: int) -> None:
        """Write those of a number, as those of the block's ``series``."""


class BlockWriter:
    """Writes one block, and gives it its name when the ``with`` statement is left without an error.

    ::

        with BlockWriter(path) as block:
            group = block.floats.group(times)
            block.floats.column(0, group, values)
            block.finish(LabelTable.of([{"__name__": "up"}]))

    Raises ``OSError``.
    """

    def __init__(
        self, path: Path, *, level: int = 1, parents: Sequence[int] = (), span: tuple[int, int] | None = None
    ) -> None:
        """``level`` counts how often the samples were compacted; ``parents`` are the files that the block replaces.

        ``span`` is the range that the block stands for in compaction (ms, end exclusive); by default the multiples of
        two hours around its samples.
        """
        number = int(path.stem.split("-")[1])
        facts = {"kind": "block", "number": number, "level": level, "parents": [int(one) for one in parents]}
        self.file = ArrayFileWriter(path, facts)
        self._span = span
        self.floats: SectionWriter

    def __enter__(self) -> Self:
        self.file.__enter__()
        self.floats = SectionWriter(self.file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.__exit__(kind, error, trace)

    def finish(self, labels: LabelTable, histograms: Histograms | None = None) -> None:
        """Row ``i`` of ``labels`` is the series that was written as number ``i``; label sets must differ.

        ``histograms`` are those of the series; a series may have floats, histograms, or both.
        """
        order, table = order_of(labels)
        place = np.empty(labels.rows, dtype=np.int64)
        place[order] = np.arange(labels.rows)
        self.floats.finish(place)
        write_labels(self.file, table)
        times, count = self.floats.bounds(), 0
        numbers = [] if histograms is None else histograms.numbers()
        if histograms is not None and len(numbers):
            section = HistogramWriter(self.file)
            for number in sorted(numbers, key=place.__getitem__):
                histograms.write(section, number, int(place[number]))
            section.finish()
            times, count = [*times, *section.bounds()], section.samples
        low, high = min(times, default=0), max(times, default=0)
        start, end = self._span or (range_of(low), range_of(high) + RANGE)
        self.file.facts |= {"min_time": low, "max_time": high, "start": start, "end": end}
        self.file.facts |= {"samples": self.floats.samples + count, "histograms": count}


def write_block(
    path: Path,
    labels: Sequence[Mapping[str, str]],
    times: Sequence[Ints],
    values: Sequence[Floats],
    starts: Sequence[Ints | None] | None = None,
    histograms: Mapping[int, Columns] | None = None,
    **facts: Any,
) -> None:
    """Write a block of whole series: for each its labels, its times (int64, ms, ascending) and its values.

    ``starts`` are its start timestamps, None where all are unknown; ``histograms`` its histograms, sorted by time, by
    place in ``labels``. Series that share one array of times, or equal ones, share its storage. Series without samples
    are left out. ``path`` must be :func:`block_path`'s. Raises ``OSError``, and ``StorageError`` for repeated labels or
    times that do not ascend.
    """
    held = histograms or {}
    rows = [row for row, own in enumerate(times) if len(own) or row in held]
    if len({frozenset(labels[row].items()) for row in rows}) < len(rows):
        raise StorageError("two series of a block have the same labels")
    for row in rows:
        if len(times[row]) != len(values[row]) or bool((np.diff(times[row]) <= 0).any()):
            raise StorageError(f"the times of {dict(labels[row])} do not ascend, or their values differ in number")
    with BlockWriter(path, **facts) as block:
        for number, row in enumerate(rows):
            if len(times[row]):
                own = None if starts is None else starts[row]
                block.floats.column(number, block.floats.group(times[row]), values[row], own)
        table = LabelTable.of([labels[row] for row in rows])
        block.finish(table, _Held({number: held[row] for number, row in enumerate(rows) if row in held}))


class _Held:
    """Histograms that are there already, by number."""

    def __init__(self, columns: Mapping[int, Columns]) -> None:
        self._columns = columns

    def numbers(self) -> Sequence[int]:
        return list(self._columns)

    def write(self, into: HistogramWriter, number: int, series: int) -> None:
        into.put(series, self._columns[number])
