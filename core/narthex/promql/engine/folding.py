"""``sum`` and ``avg`` over groups in which native histograms stand.

Numbers are added as whole arrays as ever. So are histograms of one schema, of all groups and steps at once; where
schemas or bounds differ within a group, its histograms are added by themselves. A group that holds both numbers and
histograms at a step has no result there.
"""

from __future__ import annotations

import numpy as np

from narthex.model.histogram import (
    Hint,
    Histogram,
    IncompatibleHistogramsError,
    divide,
    group_hints,
    group_sums,
    total,
)
from narthex.promql.engine.aggregate import REDUCTIONS, Grouped
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Bools, Floats, Ints, Objects, Vector, holding

__all__ = ["folded"]


def folded(op: str, vector: Vector, grouping: tuple[str, ...], *, without: bool, notes: Notes) -> Vector:
    """``sum`` or ``avg`` (``op``) of a vector with histograms."""
    grouped = Grouped(vector, grouping, without=without)
    native = vector.histogram_cells()
    assert native is not None  # the caller asks for vectors with histograms only
    numbers = grouped.over(vector.mask() & ~native)
    counts_native, counts_plain = grouped.over(native).counts(), numbers.counts()
    mixed = (counts_native > 0) & (counts_plain > 0)
    if mixed.any():
        notes.mixed_aggregation()
    present = (counts_plain > 0) & ~mixed
    cells = native & ~mixed[:, grouped.ids]
    histograms = _Fold(op, vector, cells, grouped.ids, grouped.size, notes).histograms()
    present |= holding(histograms)
    values = _plain(op, numbers)
    return Vector(grouped.labels, values, present, grouped.unnamed, histograms).compacted()


def _plain(op: str, numbers: Grouped) -> Floats:
    """The result of the numbers alone; 0 where there are none, which nobody looks at."""
    return np.asarray(REDUCTIONS[op](numbers))


class _Fold:
    """The histograms of some cells (bool ``[K, n]``), in order of step and group."""

    def __init__(self, op: str, vector: Vector, cells: Bools, ids: Ints, groups: int, notes: Notes) -> None:
        assert vector.histograms is not None  # the caller asks for vectors with histograms only
        steps, columns = np.nonzero(cells)
        slots = steps * groups + ids[columns]
        order = np.argsort(slots, kind="stable")
        self._op, self._vector, self._notes = op, vector, notes
        self._shape = vector.steps, groups
        self._columns, slots = columns[order], slots[order]
        self._terms: list[Histogram] = vector.histograms[steps[order], self._columns].tolist()
        self._begins = np.flatnonzero(np.diff(slots, prepend=-1))
        self._slots = slots[self._begins]
        self._groups = np.repeat(np.arange(len(self._begins)), np.diff(np.append(self._begins, len(slots))))

    def histograms(self) -> Objects:
        """The sum or mean of each group at each step: object ``[K, groups]``, None for nothing."""
        found = np.full(self._shape, None)
        if not self._terms:
            return found
        sums = group_sums(self._terms, self._groups, len(self._begins))
        seen = group_hints(self._terms, self._groups, len(self._begins))
        told: Bools = seen[:, Hint.RESET] & seen[:, Hint.NOT_RESET]
        ends = np.append(self._begins[1:], len(self._terms)).tolist()
        flat = found.reshape(-1)
        bounds = zip(self._slots.tolist(), self._begins.tolist(), ends, sums, told.tolist(), strict=True)
        for slot, begin, end, known, contradicting in bounds:
            value = self._added(begin, end) if known is None else known
            if value is not None:
                if contradicting:
                    self._notes.conflicting_resets("aggregation")
                flat[slot] = (divide(value, end - begin) if self._op == "avg" else value).compact()
        return found

    def _added(self, begin: int, end: int) -> Histogram | None:
        """The sum of terms that have no grid in common; None, with a warning, where they do not go together."""
        terms = self._terms[begin:end]
        try:
            outcome = total(terms)
        except IncompatibleHistogramsError:
            odd = next(at for at, one in enumerate(terms) if one.custom != terms[0].custom)
            labels = self._vector.labels.labels(int(self._columns[begin + odd]))
            self._notes.mixed_schemas(labels.get("__name__", ""))
            return None
        if outcome.reconciled:
            self._notes.reconciled_bounds("aggregation")
        return outcome.value
