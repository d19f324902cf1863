"""The value of an expression inside the engine: all series at all steps, as one matrix.

A :class:`Vector` never holds a series without any sample (:meth:`Vector.compacted`), so for an instant query
``present`` is always None and no code has to care for it.

Native histograms stand in a second matrix, of objects, that is None as long as nothing selected is a histogram. Code
for numbers asks for :meth:`Vector.floats` first, which costs nothing then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError
from narthex.model.histogram import Histogram, sample_sizes
from narthex.model.labeltable import Column, LabelTable
from narthex.promql.engine.grouping import has_duplicates, row_groups, translate

__all__ = [
    "METADATA_LABELS",
    "Bools",
    "Floats",
    "Ints",
    "Objects",
    "Vector",
    "concatenate",
    "each_histogram",
    "holding",
    "stack_tables",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

METADATA_LABELS = ("__name__", "__type__", "__unit__")
"""Labels that tell what a metric measures; an operation that changes the meaning of the value takes them away."""


def holding(objects: Objects) -> Bools:
    """Which cells hold an object rather than None."""
    return objects.astype(np.bool_)  # a histogram is true, None is not


def each_histogram(objects: Objects, change: Callable[[Histogram], Histogram]) -> Objects:
    """A matrix of histograms with each one changed."""
    changed = np.full(objects.shape, None)
    found = np.nonzero(holding(objects))
    changed[found] = [change(one) for one in objects[found]]
    return changed


@dataclass(frozen=True, slots=True)
class Vector:
    """``n`` series over ``K`` steps.

    * ``labels``: one row for each series.
    * ``values``: float64 ``[K, n]``; a cell that is not present holds anything.
    * ``present``: bool ``[K, n]``, or None where every cell is.
    * ``unnamed``: bool ``[n]``, or None for nowhere: the metric name is to be taken away at the end of the query
      (delayed name removal); until then it may still be matched and grouped by.
    * ``histograms``: object ``[K, n]``, the :class:`~narthex.model.histogram.Histogram` of each cell that is one, else
      None; or None where no cell is. The ``values`` of such cells hold anything.
    """

    labels: LabelTable
    values: Floats
    present: Bools | None = None
    unnamed: Bools | None = None
    histograms: Objects | None = None

    @property
    def steps(self) -> int:
        """Number of steps, K."""
        return int(self.values.shape[0])

    @property
    def size(self) -> int:
        """Number of series, n."""
        return int(self.values.shape[1])

    @property
    def samples(self) -> int:
        """Number of samples that are present."""
        return int(np.count_nonzero(self.present)) if self.present is not None else int(self.values.size)

    def sizes(self) -> Ints:
        """For how many samples each step counts (int64 ``[K]``): a histogram for more than one, by its size."""
        counts = np.count_nonzero(self.mask(), axis=1)
        native = self.histogram_cells()
        if native is None or self.histograms is None:
            return np.asarray(counts)
        steps = np.nonzero(native)[0]
        more = np.bincount(steps, sample_sizes(self.histograms[native].tolist()) - 1, self.steps)
        return np.asarray(counts + more.astype(np.int64))

    @classmethod
    def empty(cls, steps: int) -> Vector:
        """No series."""
        return cls(LabelTable(0, {}), np.zeros((steps, 0)))

    @classmethod
    def single(cls, values: Floats, present: Bools | None = None) -> Vector:
        """One series without labels; ``values`` and ``present`` are ``[K]``."""
        mask = None if present is None else present[:, None]
        return cls(LabelTable(1, {}), values[:, None], mask).compacted()

    def mask(self) -> Bools:
        """``present`` as an array, always."""
        return self.present if self.present is not None else np.ones(self.values.shape, dtype=np.bool_)

    def with_values(self, values: Floats, histograms: Objects | None = None) -> Vector:
        """The same series and cells with other values."""
        return replace(self, values=values, histograms=histograms)

    def histogram_cells(self) -> Bools | None:
        """Which samples are histograms: bool ``[K, n]``, or None for none."""
        if self.histograms is None:
            return None
        found = holding(self.histograms)
        return found if self.present is None else found & self.present

    def floats(self) -> Vector:
        """Without the samples that are histograms, and the series that have no others."""
        found = self.histogram_cells()
        return self if found is None else replace(self, histograms=None).where(~found)

    def natives(self) -> Vector:
        """Without the samples that are numbers, and the series that have no others."""
        found = self.histogram_cells()
        return Vector.empty(self.steps) if found is None else self.where(found)

    def take(self, columns: Ints) -> Vector:
        """The given series, in the given order."""
        return Vector(
            self.labels.take(columns),
            self.values[:, columns],
            None if self.present is None else self.present[:, columns],
            None if self.unnamed is None else self.unnamed[columns],
            None if self.histograms is None else self.histograms[:, columns],
        )

    def where(self, keep: Bools) -> Vector:
        """Only the cells of ``keep`` (``[K, n]``), without the series that lost all of theirs."""
        return replace(self, present=keep if self.present is None else self.present & keep).compacted()

    def compacted(self) -> Vector:
        """Without series that have no sample; ``present`` becomes None where it can."""
        if self.present is None:
            return self
        if self.present.all():
            return replace(self, present=None)
        kept = self.present.any(axis=0)
        if kept.all():
            return self
        return self.take(np.flatnonzero(kept)).compacted()

    def without_name(self, *, delayed: bool) -> Vector:
        """Take the metric name away, now or (``delayed``) by a mark.

        Taking it away now may make series equal; they are merged where they share no step. Raises ``QueryError``
        where they do.
        """
        if delayed:
            return replace(self, unnamed=np.ones(self.size, dtype=np.bool_))
        return replace(self, labels=self.labels.drop(METADATA_LABELS)).merged(was=self.labels)

    def finished(self) -> Vector:
        """Without the names that were marked; the last thing that happens to a query's value."""
        if self.unnamed is None or not self.unnamed.any():
            return self
        columns = dict(self.labels.columns)
        for name in METADATA_LABELS:
            if name in columns:
                column = columns[name]
                columns[name] = Column(np.where(self.unnamed, np.int32(0), column.codes), column.dictionary)
        return replace(self, labels=LabelTable(self.labels.rows, columns), unnamed=None).merged(was=self.labels)

    def merged(self, was: LabelTable | None = None) -> Vector:
        """Series with equal labels as one, where they share no step.

        ``was`` holds the labels before a change, known to be distinct: a cheap way to see that nothing can have
        become equal. Raises ``QueryError`` where two samples meet.
        """
        if self.size < 2 or (was is not None and _still_distinct(was, self.labels)):
            return self
        if not has_duplicates(self.labels):
            return self
        ids, first = row_groups(self.labels)
        mask = self.mask()
        step, column = np.nonzero(mask)
        slots = step * len(first) + ids[column]
        count = np.bincount(slots, minlength=self.steps * len(first)).reshape(self.steps, len(first))
        if (count > 1).any():
            raise QueryError("vector cannot contain metrics with the same labelset")
        values = np.zeros(count.shape)
        values.reshape(-1)[slots] = self.values[step, column]
        unnamed = None if self.unnamed is None else self.unnamed[first]
        histograms = None
        if self.histograms is not None:
            histograms = np.empty(count.shape, dtype=np.object_)
            histograms.reshape(-1)[slots] = self.histograms[step, column]
        return Vector(self.labels.take(first), values, count > 0, unnamed, histograms).compacted()

    def ensure_distinct(self) -> Vector:
        """Itself. Raises ``QueryError`` when two series have the same labels, at whatever steps."""
        if has_duplicates(self.labels):
            raise QueryError("vector cannot contain metrics with the same labelset")
        return self


def concatenate(vectors: Sequence[Vector], steps: int) -> Vector:
    """The series of several vectors, one after the other."""
    vectors = [vector for vector in vectors if vector.size]
    if not vectors:
        return Vector.empty(steps)
    if len(vectors) == 1:
        return vectors[0]
    present = None
    if any(vector.present is not None for vector in vectors):
        present = np.concatenate([vector.mask() for vector in vectors], axis=1)
    unnamed = None
    if any(vector.unnamed is not None for vector in vectors):
        unnamed = np.concatenate(
            [np.zeros(vector.size, np.bool_) if vector.unnamed is None else vector.unnamed for vector in vectors]
        )
    values = np.concatenate([vector.values for vector in vectors], axis=1)
    histograms = None
    if any(vector.histograms is not None for vector in vectors):
        histograms = np.concatenate(
            [
                np.full(vector.values.shape, None) if vector.histograms is None else vector.histograms
                for vector in vectors
            ],
            axis=1,
        )
    return Vector(stack_tables([vector.labels for vector in vectors]), values, present, unnamed, histograms)


def stack_tables(tables: Sequence[LabelTable]) -> LabelTable:
    """The rows of several tables, one after the other, over common dictionaries."""
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return LabelTable(sum(table.rows for table in tables), {name: _stacked(tables, name) for name in names})


def _stacked(tables: Sequence[LabelTable], name: str) -> Column:
    base = next(table.columns[name] for table in tables if name in table.columns)
    parts: list[NDArray[np.int32]] = []
    for table in tables:
        column = table.columns.get(name)
        if column is None:
            parts.append(np.zeros(table.rows, dtype=np.int32))
            continue
        whole = Column(np.arange(len(base.dictionary), dtype=np.int32), base.dictionary)
        codes, dictionary = translate(column, whole)
        base = Column(codes, dictionary)
        parts.append(codes)
    return Column(np.concatenate(parts), base.dictionary)


def _still_distinct(before: LabelTable, after: LabelTable) -> bool:
    """Whether distinct rows must have stayed distinct: what changed had one value in all rows."""
    for name, column in before.columns.items():
        other = after.columns.get(name)
        if other is not None and other.codes is column.codes:
            continue
        if column.codes.size and (column.codes != column.codes[0]).any():
            return False
    return True
