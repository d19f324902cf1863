"""Binary operations between two vectors, and between a vector and a scalar.

The two sides meet by number: rows with equal matching labels get one group number over both tables, and the join of
the two lists of groups gives every pair of series that can ever meet. Values are then computed for all pairs and steps
at once. What Prometheus decides for each step (duplicates, filters, fill values) becomes a mask over steps and pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.ast import VectorMatching
from narthex.promql.engine.arithmetic import ARITHMETIC, COMPARISONS, TRIMS
from narthex.promql.engine.cells import Operand, Outcome, note_floats, with_histograms
from narthex.promql.engine.grouping import joint_groups
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Bools, Floats, Ints, Vector, concatenate

__all__ = ["Operation", "matched", "matching_labels", "with_scalar"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operator as it stands in a query. ``delayed``: metric names go at the end of the query."""

    op: str
    return_bool: bool
    delayed: bool
    notes: Notes

    @property
    def renames(self) -> bool:
        """Whether the result no longer is the metric it was."""
        return self.return_bool or self.op in ARITHMETIC

    def apply(self, left: Operand, right: Operand, kept: Floats, present: Bools | None) -> Outcome:
        """The outcome for all cells, of which those in ``present`` matter. A comparison gives ``kept`` back."""
        plain = self._of_numbers(left.values, right.values, kept)
        if left.histograms is None and right.histograms is None:
            if self.op in TRIMS:
                note_floats(self.op, np.ones(plain.values.shape, dtype=np.bool_), present, self.notes)
            return plain
        return with_histograms(self.op, left, right, plain, present, return_bool=self.return_bool, notes=self.notes)

    def _of_numbers(self, left: Floats, right: Floats, kept: Floats) -> Outcome:
        arithmetic = ARITHMETIC.get(self.op)
        if arithmetic is not None:
            return Outcome(arithmetic(left, right))
        if self.op in TRIMS:
            return Outcome(kept, np.zeros(np.broadcast_shapes(left.shape, right.shape), dtype=np.bool_))
        true = COMPARISONS[self.op](left, right)
        return Outcome(true.astype(np.float64)) if self.return_bool else Outcome(kept, true)


def with_scalar(operation: Operation, vector: Vector, scalar: Floats, *, scalar_left: bool) -> Vector:
    """A vector and a scalar (float64 ``[K]``); a comparison keeps the vector's values, whichever side it stands on."""
    side, other = Operand(vector.values, vector.histograms), Operand(scalar[:, None])
    left, right = (other, side) if scalar_left else (side, other)
    outcome = operation.apply(left, right, vector.values, vector.present)
    result = vector.with_values(outcome.values, outcome.histograms)
    if outcome.keep is not None:
        result = result.where(outcome.keep)
    return result.without_name(delayed=operation.delayed) if operation.renames else result


def matching_labels(left: LabelTable, right: LabelTable, matching: VectorMatching) -> list[str]:
    """The labels that must be equal for two series to meet."""
    if matching.on:
        return list(matching.labels)
    ignored = {"__name__", *matching.labels}
    return sorted({*left.columns, *right.columns} - ignored)


def matched(operation: Operation, left: Vector, right: Vector, matching: VectorMatching) -> Vector:
    """An arithmetic or comparison operator between two vectors. Raises ``QueryError`` where the match is ambiguous."""
    names = matching_labels(left.labels, right.labels, matching)
    ids_left, ids_right, groups = joint_groups(left.labels, right.labels, names)
    if matching.card == "one-to-many":
        join = _Join(operation, right, left, ids_right, ids_left, groups, matching, names, swapped=True)
    else:
        join = _Join(operation, left, right, ids_left, ids_right, groups, matching, names, swapped=False)
    return join.result()


@dataclass(frozen=True, slots=True)
class _Join:
    """One match in progress; ``many`` is the side whose labels the result takes."""

    operation: Operation
    many: Vector
    one: Vector
    many_ids: Ints
    one_ids: Ints
    groups: int
    matching: VectorMatching
    names: list[str]
    swapped: bool

    def result(self) -> Vector:
        fill_many, fill_one = self.matching.fill_left, self.matching.fill_right
        if self.swapped:
            fill_many, fill_one = fill_one, fill_many
        self._refuse_duplicates(filled=fill_many is not None or fill_one is not None)
        parts = [self._pairs()]
        if fill_one is not None:
            parts.append(self._lonely_many(fill_one))
        if fill_many is not None:
            parts.append(self._lonely_one(fill_many))
        self._refuse_many_matches(parts)
        vectors = [part.vector for part in parts]
        result = concatenate(vectors, self.many.steps).compacted()
        if self.matching.include or len(parts) > 1 or (result.size > 1 and not self._distinct()):
            result = self._merged(result)
        return result.without_name(delayed=self.operation.delayed) if self.operation.renames else result

    # --- values ---

    def _pairs(self) -> _Part:
        """Every pair of series of one group, where both have a sample."""
        many, one = _join(self.many_ids, self.one_ids, self.groups)
        present = None
        if self.many.present is not None or self.one.present is not None:
            present = self.many.mask()[:, many] & self.one.mask()[:, one]
        histograms = None if self.one.histograms is None else self.one.histograms[:, one]
        vector = self._computed(self.many.take(many), Operand(self.one.values[:, one], histograms), present)
        return _Part(_relabelled(vector, self.one.labels.take(one), self.matching), self.many_ids[many])

    def _lonely_many(self, fill: float) -> _Part:
        """Series of the many side, at the steps where nobody stands opposite."""
        lonely = self.many.mask() & ~self._anybody(self.one, self.one_ids)[:, self.many_ids]
        vector = self._computed(self.many, Operand(np.full(self.many.values.shape, fill)), lonely)
        absent = LabelTable(vector.size, {})
        return _Part(_relabelled(vector, absent, self.matching), self.many_ids)

    def _lonely_one(self, fill: float) -> _Part:
        """Series of the one side at the steps where nobody stands opposite; they have the matching labels only."""
        lonely = self.one.mask() & ~self._anybody(self.many, self.many_ids)[:, self.one_ids]
        labels = self.one.labels.keep(self.names)
        stand_in = Vector(labels, np.full(self.one.values.shape, fill), None, self.one.unnamed)
        vector = self._computed(stand_in, Operand(self.one.values, self.one.histograms), lonely)
        return _Part(_relabelled(vector, self.one.labels, self.matching), self.one_ids)

    def _computed(self, many: Vector, one: Operand, present: Bools | None) -> Vector:
        other = Operand(many.values, many.histograms)
        left, right = (one, other) if self.swapped else (other, one)
        # A comparison gives the left side's value back, whichever side is the many one.
        outcome = self.operation.apply(left, right, left.values, present)
        keep = outcome.keep
        if keep is not None:
            present = keep if present is None else present & keep
        return Vector(many.labels, outcome.values, present, many.unnamed, outcome.histograms)

    def _anybody(self, side: Vector, ids: Ints) -> Bools:
        """Whether a group has a sample on one side: bool ``[K, groups]``."""
        return _count(side.mask(), ids, self.groups) > 0

    # --- ambiguity ---

    def _distinct(self) -> bool:
        """Whether no two results can have equal labels: each series of the many side has one partner at most."""
        if not _all_different(self.one_ids):
            return False
        return self.matching.card != "one-to-one" or _all_different(self.many_ids)

    def _refuse_duplicates(self, *, filled: bool) -> None:
        """The one side may have one sample for each group and step, at the steps where the match takes place at all."""
        if _all_different(self.one_ids):
            return
        mask = self.one.mask()
        if not filled:
            mask = np.logical_and(mask, np.asarray(self.many.mask().any(axis=1))[:, None])
        several = np.asarray(_count(mask, self.one_ids, self.groups) > 1)
        if not several.any():
            return
        step, group = (int(found[0]) for found in np.nonzero(several))
        first, second = np.flatnonzero(mask[step] & (self.one_ids == group))[:2].tolist()
        labels = self.one.labels.labels(second)
        wanted = set(self.names)
        match = Labels({name: value for name, value in labels.items() if name in wanted})
        raise QueryError(
            f"found duplicate series for the match group {match} on the {'left' if self.swapped else 'right'} "
            f"hand-side of the operation: [{_metric(labels)}, {_metric(self.one.labels.labels(first))}]"
            ";many-to-many matching not allowed: matching labels must be unique on one side"
        )

    def _refuse_many_matches(self, parts: list[_Part]) -> None:
        if self.matching.card != "one-to-one" or _all_different(self.many_ids):
            return
        count = sum(_count(part.vector.mask(), part.ids, self.groups) for part in parts)
        if (np.asarray(count) > 1).any():
            raise QueryError(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )

    def _merged(self, result: Vector) -> Vector:
        """Results of different pairs with equal labels are one series; at one step they are an error."""
        try:
            return result.merged()
        except QueryError:
            text = "multiple matches for labels: grouping labels must ensure unique matches"
            raise QueryError(text) from None


@dataclass(frozen=True, slots=True)
class _Part:
    """Part of a result, with the match group of each series."""

    vector: Vector
    ids: Ints


def _join(many: Ints, one: Ints, groups: int) -> tuple[Ints, Ints]:
    """All pairs of rows with equal group numbers, in the order of ``many``."""
    order = np.argsort(one, kind="stable")
    counts = np.bincount(one, minlength=groups)
    if len(counts) == 0 or int(counts.max(initial=0)) <= 1:  # the usual case: at most one partner
        partner = np.full(groups, -1, dtype=np.int64)
        partner[one] = np.arange(len(one))
        found = partner[many]
        rows = np.flatnonzero(found >= 0)
        return rows, found[rows]
    starts = np.cumsum(counts) - counts
    repeats = counts[many]
    rows = np.repeat(np.arange(len(many)), repeats)
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return rows, order[starts[many[rows]] + offset]


def _all_different(ids: Ints) -> bool:
    """Whether no group number stands twice."""
    return int(np.bincount(ids).max(initial=0)) <= 1


def _count(mask: Bools, ids: Ints, groups: int) -> Ints:
    """How many cells of each step and group are set: int64 ``[K, groups]``."""
    steps = len(mask)
    slots = (ids + np.arange(steps)[:, None] * groups)[mask]
    return np.bincount(slots, minlength=steps * groups).reshape(steps, groups)


def _relabelled(vector: Vector, one: LabelTable, matching: VectorMatching) -> Vector:
    """The labels of the result: of the many side, cut down for one-to-one, with the included ones of the one side."""
    labels = vector.labels
    if matching.card == "one-to-one":
        labels = labels.keep(matching.labels) if matching.on else labels.drop(matching.labels)
    for name in matching.include:
        column = one.columns.get(name)
        labels = labels.drop((name,)) if column is None else labels.with_column(name, column)
    return Vector(labels, vector.values, vector.present, vector.unnamed, vector.histograms)


def _metric(labels: Labels) -> str:
    """A label set as PromQL writes a series."""
    return str(labels)
