"""Aggregations that give one value for each group and step.

Groups come from the dictionary codes of the grouping labels; the values of all steps are then added into
``steps x groups`` slots by one ``bincount``, or reduced over columns sorted by group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from narthex.model.labeltable import LabelTable
from narthex.promql.engine.grouping import row_groups
from narthex.promql.engine.sums import grouped_sum
from narthex.promql.engine.vector import METADATA_LABELS, Bools, Floats, Ints, Vector

__all__ = ["REDUCTIONS", "Grouped", "grouping_labels"]


def grouping_labels(labels: LabelTable, grouping: tuple[str, ...], *, without: bool) -> LabelTable:
    """The labels that make the groups of ``by (…)`` or ``without (…)``."""
    return labels.drop((*grouping, *METADATA_LABELS)) if without else labels.keep(grouping)


class Grouped:
    """A vector and the groups of its series: ``ids`` int64 ``[n]``, ``labels`` one row for each of ``size`` groups."""

    __slots__ = ("ids", "labels", "size", "unnamed", "vector")

    def __init__(self, vector: Vector, grouping: tuple[str, ...], *, without: bool) -> None:
        table = grouping_labels(vector.labels, grouping, without=without)
        self.vector = vector
        self.ids, first = row_groups(table)
        self.size = len(first)
        self.labels = table.take(first)
        self.unnamed = None if vector.unnamed is None else vector.unnamed[first]

    def members(self) -> Iterator[slice | Ints]:
        """The columns of each group."""
        if self.size == 1:
            yield slice(None)
            return
        order = np.argsort(self.ids, kind="stable")
        yield from np.split(order, np.searchsorted(self.ids[order], np.arange(1, self.size)))

    def over(self, cells: Bools) -> Grouped:
        """The same groups, of these cells only."""
        same = copy(self)
        same.vector = replace(self.vector, present=cells, histograms=None)
        return same

    def sum(self, values: Floats) -> Floats:
        """Sum over the present cells of each group: ``[K, size]``."""
        if self.vector.present is not None:
            values = np.where(self.vector.present, values, 0.0)
        return grouped_sum(values, self.ids, self.size)

    def counts(self) -> Floats:
        """Present cells of each group: float64 ``[K, size]``."""
        if self.vector.present is None:
            counts = np.bincount(self.ids, minlength=self.size).astype(np.float64)
            return np.broadcast_to(counts, (self.vector.steps, self.size))
        return grouped_sum(self.vector.present.astype(np.float64), self.ids, self.size)

    def reduce(self, operation: np.ufunc) -> Floats:
        """``operation`` (which must ignore NaN) over the present cells of each group: ``[K, size]``."""
        values = self.vector.values
        if self.vector.present is not None:
            values = np.where(self.vector.present, values, np.nan)
        if self.size == 1:
            return np.asarray(operation.reduce(values, axis=1))[:, None]
        order = np.argsort(self.ids, kind="stable")
        starts = np.searchsorted(self.ids[order], np.arange(self.size))
        return np.asarray(operation.reduceat(values[:, order], starts, axis=1))

    def first(self) -> Floats:
        """The first present value of each group: ``[K, size]``."""
        vector = self.vector
        if vector.present is None:
            at = np.full(self.size, vector.size)
            np.minimum.at(at, self.ids, np.arange(vector.size))
            return vector.values[:, at]
        rank = np.where(vector.present, np.arange(vector.size), vector.size - 1)
        found = np.full((vector.steps, self.size), vector.size - 1)
        np.minimum.at(found, (np.arange(vector.steps)[:, None], self.ids), rank)
        return np.asarray(vector.values[np.arange(vector.steps)[:, None], found])

    def result(self, values: Floats) -> Vector:
        """One series for each group, where it has a sample."""
        present: Bools | None = None
        if self.vector.present is not None:
            present = self.counts() > 0
        return Vector(self.labels, values, present, self.unnamed).compacted()


def _avg(grouped: Grouped) -> Floats:
    counts = grouped.counts()
    total = grouped.sum(grouped.vector.values)
    mean = total / counts
    overflown = np.isinf(total)
    if overflown.any():
        # The sum may have left float64 while the mean has not: divide first, then add.
        shares = grouped.vector.values / counts[:, grouped.ids]
        mean = np.where(overflown, grouped.sum(shares), mean)
    return mean


def _stdvar(grouped: Grouped) -> Floats:
    """Population variance, of the distances from each group's first value: equal values give exactly 0."""
    counts = grouped.counts()
    vector = grouped.vector
    shifted = vector.values - grouped.first()[:, grouped.ids]
    mean = grouped.sum(shifted) / counts
    deviation = shifted - mean[:, grouped.ids]
    return grouped.sum(deviation * deviation) / counts


REDUCTIONS: Mapping[str, Callable[[Grouped], Floats]] = MappingProxyType(
    {
        "sum": lambda grouped: grouped.sum(grouped.vector.values),
        "avg": _avg,
        "count": Grouped.counts,
        "group": lambda grouped: np.ones((grouped.vector.steps, grouped.size)),
        "min": lambda grouped: grouped.reduce(np.fmin),
        "max": lambda grouped: grouped.reduce(np.fmax),
        "stddev": lambda grouped: np.sqrt(_stdvar(grouped)),
        "stdvar": _stdvar,
    }
)
"""Aggregations without a parameter: from grouped values to float64 ``[K, groups]``."""
