"""What a function over ranges works on: a block of samples, and for each step and group the rows of its window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from narthex.promql.engine.gather_rows import NEVER, after
from narthex.promql.engine.picking import picked
from narthex.promql.engine.sums import repaired, running_sums
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.promql.engine.windows import Block

__all__ = ["Cells", "Window"]

T = TypeVar("T", bound=np.generic)

_CELLS = 1 << 21
"""Cells of one padded batch (16 MB of float64)."""

_LOST = 1e4
"""Running sums this many times a window's own: their difference may be wrong in the twelfth digit."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A batch of windows laid out one under the other: column ``i`` holds the samples of window ``where[i]``.

    ``values`` float64 and ``times`` int64 ``[W, m]``, padded at the end; ``valid`` bool ``[W, m]``; ``counts`` int64
    ``[m]``, at least 1; ``where`` int64 ``[m]``: position in the flattened ``[K, n]``.
    """

    values: Floats
    times: Ints
    valid: Bools
    counts: Ints
    where: Ints


@dataclass(frozen=True, slots=True)
class Window:
    """The windows ``(start, end]`` of ``K`` steps over a block of ``n`` series in ``G`` groups.

    ``low`` and ``high`` (int64 ``[K, G]``) bound the rows of each window, ``high`` exclusive; ``start`` and ``end``
    (int64 ``[K]``, ms) bound its times; ``moments`` (int64 ``[K]``) are the times of the steps themselves.
    """

    block: Block
    low: Ints
    high: Ints
    start: Ints
    end: Ints
    moments: Ints

    @classmethod
    def over(cls, block: Block, start: Ints, end: Ints, moments: Ints) -> Window:
        """Find the rows of every window."""
        return cls(block, after(block.times, start), after(block.times, end), start, end, moments)

    @property
    def shape(self) -> tuple[int, int]:
        """Steps and series, ``(K, n)``."""
        return len(self.start), len(self.block.series)

    @property
    def seconds(self) -> float:
        """Length of the range."""
        return float(self.end[0] - self.start[0]) / 1000

    @property
    def counts(self) -> Ints:
        """Samples in each window, ``[K, G]``."""
        return self.high - self.low

    def spread(self, by_group: NDArray[T]) -> NDArray[T]:
        """``[K, G]`` to ``[K, n]``."""
        spread: NDArray[T] = np.take(by_group, self.block.group, axis=1)
        return spread

    def at(self, rows: Ints) -> Floats:
        """The values in the given rows (``[K, G]``; clipped to the block): float64 ``[K, n]``."""
        return picked(self.block.values, rows, self.block.group)

    def times_at(self, rows: Ints) -> Ints:
        """The times in the given rows (clipped to the block): int64 ``[K, G]``."""
        inside = np.clip(rows, 0, len(self.block.times) - 1)
        return self.block.times[inside, np.arange(self.block.times.shape[1])]

    def exists(self, rows: Ints) -> Bools:
        """Whether the rows are rows of their group: bool ``[K, G]``."""
        inside: Bools = (rows >= 0) & (rows < len(self.block.times)) & (self.times_at(rows) != NEVER)
        return inside

    def at_least(self, samples: int) -> Bools | None:
        """Which windows hold so many samples: bool ``[K, n]``, or None for all."""
        enough = self.counts >= samples
        return None if enough.all() else self.spread(enough)

    def reduce(self, operation: np.ufunc, values: Floats) -> Floats:
        """``operation`` over every window of ``values`` ``[R, n]``: ``[K, n]``; empty windows hold anything.

        Each window is reduced from its own samples, so an infinity or a huge value spoils no other window, as it would
        with prefix sums; the cost is that of reading each window once.
        """
        height, size = values.shape
        flat = np.empty((size, height + 1))  # one more cell: an end may lie behind the last row
        flat[:, :height] = values.T
        flat[:, height] = 0.0
        base = np.arange(size) * (height + 1)
        bounds = np.empty((*self.shape, 2), dtype=np.int64)
        bounds[..., 0] = np.minimum(self.spread(self.low), height) + base
        bounds[..., 1] = self.spread(self.high) + base
        with np.errstate(all="ignore"):
            return operation.reduceat(flat.reshape(-1), bounds.reshape(-1))[::2].reshape(self.shape)

    def sum(self, values: Floats) -> Floats:
        """Sum of every window of ``values`` ``[R, n]``, as good as Neumaier's; 0 where a window is empty.

        Windows overlap, so sums run along the columns once and a window's is the difference of two: a quarter of the
        time of reading each window for itself. What came before a window may be so much larger that the difference has
        lost digits. Columns with such windows, or with an infinity or NaN, are added window by window.
        """
        running, group = running_sums(values), self.block.group
        behind = np.maximum(self.high, self.low)
        magnitude = picked(running, behind, group)
        with np.errstate(all="ignore"):
            total = magnitude - picked(running, self.low, group)
        if values.size and not values.min() >= 0:  # a NaN is not >= 0
            magnitude = picked(running_sums(np.abs(values)), behind, group)
        spoiled = ~np.isfinite(running[-1])
        spoiled |= (magnitude > np.abs(total) * _LOST).any(axis=0) & ~spoiled
        if spoiled.any():
            columns = np.flatnonzero(spoiled)
            total[:, columns] = self._some(columns).sum_apart(values[:, columns])
        return total

    def _some(self, columns: Ints) -> Window:
        """The windows of some of the series."""
        block = self.block
        return replace(
            self,
            block=replace(
                block, series=block.series[columns], values=block.values[:, columns], group=block.group[columns]
            ),
        )

    def sum_apart(self, values: Floats) -> Floats:
        """The same, each window from its own samples alone."""
        total = self.reduce(np.add, values)
        magnitude = self.reduce(np.add, np.abs(values))
        empty = self.counts <= 0
        if empty.any():
            hollow = self.spread(empty)
            total[hollow] = 0.0
            magnitude[hollow] = 0.0
        low, high, size = self.low, self.high, self.shape[1]

        def terms(index: int) -> Floats:
            step, column = divmod(index, size)
            group = self.block.group[column]
            return values[low[step, group] : high[step, group], column]

        return repaired(total, magnitude, terms)

    def cells(self, least: int = 1) -> Iterator[Cells]:
        """All windows of at least ``least`` samples, padded, in batches of bounded size."""
        counts = self.spread(self.counts).reshape(-1)
        where = np.flatnonzero(counts >= max(1, least))
        if not len(where):
            return
        low = self.spread(self.low).reshape(-1)
        width = max(1, _CELLS // int(counts.max()))
        for at in range(0, len(where), width):
            part = where[at : at + width]
            yield self._batch(part, low[part], counts[part])

    def _batch(self, where: Ints, low: Ints, counts: Ints) -> Cells:
        column = where % self.shape[1]
        offsets = np.arange(int(counts.max()))[:, None]
        valid = offsets < counts
        rows = np.minimum(low + offsets, len(self.block.values) - 1)
        times = self.block.times[rows, self.block.group[column]]
        return Cells(self.block.values[rows, column], times, valid, counts, where)
