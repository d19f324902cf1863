"""Sorts more samples than fit into memory, by block range, series and time.

Samples come in the order of a dump; blocks want one series after the other. What arrives is collected, sorted and
written to a temporary file whenever there is enough of it; in the end the files are read in step, through memory maps.
So memory holds a few million samples, however long the dump is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import Points
from narthex_plugins.tsdb.blocks.plan import RANGE

__all__ = ["Column", "Spill"]

Ints = NDArray[np.int64]
Column = tuple[int, Ints, NDArray[np.float64]]
"""A series, its times and its values."""

_KEPT = 1 << 22
"""Samples in memory before they are written out: 100 MB, with what sorting needs."""

_MERGED = 1 << 20
"""Samples that are merged at a time."""

_ROW = np.dtype([("series", "<i8"), ("time", "<i8"), ("value", "<f8")])


@dataclass(frozen=True, slots=True)
class _Run:
    """A sorted file: ``bounds[slot]`` are the first row and the end of a block range."""

    rows: NDArray[np.void]
    bounds: dict[int, tuple[int, int]]


class Spill:
    """``directory`` is for temporary files; it must exist, and its owner removes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._waiting: list[Points] = []
        self._count = 0
        self._runs: list[_Run] = []

    def add(self, points: Points) -> None:
        """Take samples in any order. Raises ``OSError``."""
        self._waiting.append(points)
        self._count += len(points.series)
        if self._count >= _KEPT:
            self._write()

    def slots(self) -> list[int]:
        """The block ranges there are samples of, counted from the epoch; after the last :meth:`add`."""
        if self._count:
            self._write()
        return sorted({slot for run in self._runs for slot in run.bounds})

    def columns(self, slot: int) -> Iterator[Column]:
        """The series of a block range in ascending order; of samples of one moment the last that was added."""
        parts = [run.rows[slice(*run.bounds[slot])] for run in self._runs if slot in run.bounds]
        if not parts:
            return
        top = max(int(part["series"][-1]) for part in parts) + 1
        total = sum(map(len, parts))
        # Cut by series, so that each piece has about so many samples; one series is never cut.
        step = max(1, top * _MERGED // max(total, 1))
        for low in range(0, top, step):
            wanted = [part[slice(*np.searchsorted(part["series"], [low, low + step]))] for part in parts]
            yield from _columns(np.concatenate(wanted))

    def clear(self) -> None:
        """Forget everything, and remove the files."""
        self._waiting.clear()
        self._count = 0
        self._runs.clear()
        for path in self._directory.glob("spill-*"):
            path.unlink()

    def _write(self) -> None:
        rows = np.empty(self._count, dtype=_ROW)
        for name, field in (("series", "series"), ("time", "times"), ("value", "values")):
            rows[name] = np.concatenate([getattr(points, field) for points in self._waiting])
        self._waiting.clear()
        self._count = 0
        slots = rows["time"] // RANGE
        order = np.lexsort((rows["time"], rows["series"], slots))
        path = self._directory / f"spill-{len(self._runs):06d}"
        rows[order].tofile(path)
        slots = slots[order]
        starts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
        bounds = {int(slots[low]): (low, high) for low, high in pairwise([*starts.tolist(), len(slots)])}
        self._runs.append(_Run(np.memmap(path, dtype=_ROW, mode="r"), bounds))


def _columns(rows: NDArray[np.void]) -> Iterator[Column]:
    series, times, values = rows["series"], rows["time"], rows["value"]
    order = np.lexsort((times, series))  # stable: of equal ones the run that was written last comes last
    series, times, values = series[order], times[order], values[order]
    last = np.ones(len(series), dtype=np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    series, times, values = series[last], times[last], values[last]
    starts = np.flatnonzero(np.diff(series, prepend=-1))
    for low, high in pairwise([*starts.tolist(), len(series)]):
        yield int(series[low]), times[low:high], values[low:high]
