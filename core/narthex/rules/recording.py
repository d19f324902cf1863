"""What a recording rule makes of its expression's answer: columns in, columns out.

No object is made per series. Labels are set by replacing whole columns, and whether that made two series equal is a
question to the columns as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from narthex.errors import RuleError
from narthex.gotemplate.samples import PrintedHistogram
from narthex.model.labeltable import Column, LabelTable
from narthex.promql.value import InstantVector, Scalar, Value

__all__ = ["recorded", "template_values", "vector_of"]


def vector_of(value: Value) -> InstantVector:
    """The answer as a vector: a scalar becomes its one element. Raises ``RuleError`` for strings and ranges."""
    if isinstance(value, InstantVector):
        return value
    if isinstance(value, Scalar):
        return InstantVector(LabelTable(1, {}), np.array([value.value]), value.time)
    raise RuleError("rule result is not a vector or scalar")


def recorded(value: Value, name: str, labels: Mapping[str, str], limit: int) -> InstantVector:
    """The series to write, and their values.

    The rule's labels replace those of the result; an empty one deletes. Raises ``RuleError`` when two series become
    equal, or when there are more than ``limit`` (zero or less: any number).
    """
    vector = vector_of(value)
    changes = {**labels, "__name__": name}
    table = _relabelled(vector.labels, changes)
    # a result holds no series twice, so only labels that differed before and are equal now can make a repeat
    if not changes.keys().isdisjoint(vector.labels.columns) and len(table.group()[1]) != table.rows:
        raise RuleError("vector contains metrics with the same labelset after applying rule labels")
    if 0 < limit < table.rows:
        raise RuleError(f"exceeded limit of {limit} with {table.rows} series")
    return replace(vector, labels=table)


def template_values(vector: InstantVector) -> Sequence[float | PrintedHistogram]:
    """What templates see of each element: a number, or a histogram."""
    numbers: list[float] = vector.values.tolist()
    if vector.histograms is None:
        return numbers
    pairs = zip(numbers, vector.histograms.tolist(), strict=True)
    return [number if one is None else PrintedHistogram(one) for number, one in pairs]


def _relabelled(table: LabelTable, changes: Mapping[str, str]) -> LabelTable:
    columns = {name: one for name, one in table.columns.items() if name not in changes}
    ones = np.ones(table.rows, dtype=np.int32)
    columns |= {name: Column(ones, ("", value)) for name, value in changes.items() if value}
    return LabelTable(table.rows, columns)
