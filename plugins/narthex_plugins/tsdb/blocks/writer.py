"""Writing blocks.

:class:`BlockWriter` takes series in any order, one column at a time, and holds no more of them than a few numbers a
page, so a block may be larger than memory. :func:`write_block` is the short way for samples that are there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labeltable import LabelTable
from narthex_plugins.tsdb.blocks.labels import order_of, write_labels
from narthex_plugins.tsdb.blocks.plan import RANGE, range_of
from narthex_plugins.tsdb.blocks.section import SectionWriter
from narthex_plugins.tsdb.container import ArrayFileWriter

__all__ = ["BlockWriter", "block_path", "write_block"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def block_path(directory: Path, number: int) -> Path:
    """The file of the block with this number."""
    return directory / f"block-{number:08d}.nrx"


class BlockWriter:
    """Writes one block, and gives it its name when the ``with`` statement is left without an error.

    ::

        with BlockWriter(path) as block:
            group = block.floats.group(times)
            block.floats.column(0, group, values)
            block.finish(LabelTable.of([{"__name__": "up"}]))

    Sections of other kinds of samples (:class:`.section.SectionWriter` on ``block.file``) are written between
    ``finish`` and the end. Raises ``OSError``.
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
        self.place: Ints
        """For each number a series was written under its number in the block; after :meth:`finish`."""

    def __enter__(self) -> Self:
        self.file.__enter__()
        self.floats = SectionWriter(self.file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.__exit__(kind, error, trace)

    def finish(self, labels: LabelTable, min_time: int | None = None, max_time: int | None = None) -> None:
        """Row ``i`` of ``labels`` is the series that was written as number ``i``; label sets must differ.

        The times (ms) are of the oldest and newest sample, by default of those in the section of floats.
        """
        low, high = self.floats.bounds()
        min_time, max_time = low if min_time is None else min_time, high if max_time is None else max_time
        order, table = order_of(labels)
        self.place = np.empty(labels.rows, dtype=np.int64)
        self.place[order] = np.arange(labels.rows)
        self.floats.finish(self.place)
        write_labels(self.file, table)
        start, end = self._span or (range_of(min_time), range_of(max_time) + RANGE)
        self.file.facts |= {"min_time": min_time, "max_time": max_time, "start": start, "end": end}
        self.file.facts["samples"] = self.floats.samples


def write_block(
    path: Path,
    labels: Sequence[Mapping[str, str]],
    times: Sequence[Ints],
    values: Sequence[Floats],
    starts: Sequence[Ints | None] | None = None,
    **facts: Any,
) -> None:
    """Write a block of whole series: for each its labels, its times (int64, ms, ascending) and its values.

    ``starts`` are its start timestamps, None where all are unknown. Series that share one array of times, or equal ones, share its storage. Series without samples are left out.
    ``path`` must be :func:`block_path`'s. Raises ``OSError``, and ``StorageError`` for repeated labels or times that
    do not ascend.
    """
    rows = [row for row, own in enumerate(times) if len(own)]
    if len({frozenset(labels[row].items()) for row in rows}) < len(rows):
        raise StorageError("two series of a block have the same labels")
    for row in rows:
        if len(times[row]) != len(values[row]) or bool((np.diff(times[row]) <= 0).any()):
            raise StorageError(f"the times of {dict(labels[row])} do not ascend, or their values differ in number")
    with BlockWriter(path, **facts) as block:
        for number, row in enumerate(rows):
            own = None if starts is None else starts[row]
            block.floats.column(number, block.floats.group(times[row]), values[row], own)
        block.finish(LabelTable.of([labels[row] for row in rows]))
