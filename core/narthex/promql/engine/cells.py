"""Binary operators on samples of which one at least is a native histogram.

Numbers are computed as whole arrays; histograms are objects, so their cells are visited one by one. An operation
between two samples gives a histogram, a truth, or None for no result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from narthex.model.histogram import (
    Combined,
    Histogram,
    IncompatibleHistogramsError,
    add,
    divide,
    same,
    scale,
    subtract,
    trim_lower,
    trim_upper,
)
from narthex.promql.engine.arithmetic import TRIMS
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Bools, Floats, Objects, holding

__all__ = ["Operand", "Outcome", "note_floats", "with_histograms"]

Sample = float | Histogram

_BETWEEN: Mapping[str, tuple[Callable[[Histogram, Histogram], Combined], str]] = MappingProxyType(
    {"+": (add, "addition"), "-": (subtract, "subtraction")}
)
_BY_NUMBER: Mapping[str, Callable[[Histogram, float], Histogram]] = MappingProxyType(
    {
        "*": lambda histogram, number: scale(histogram, number).compact(),
        "/": lambda histogram, number: divide(histogram, number).compact(),
        "</": trim_upper,
        ">/": trim_lower,
    }
)


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of an operator: ``values`` and ``histograms`` as in a vector, broadcast against the other side's."""

    values: Floats
    histograms: Objects | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Values of all cells, where there are any (``keep``, None: everywhere), and the histograms among them."""

    values: Floats
    keep: Bools | None = None
    histograms: Objects | None = None


def with_histograms(
    op: str, left: Operand, right: Operand, plain: Outcome, present: Bools | None, *, return_bool: bool, notes: Notes
) -> Outcome:
    """``plain``, the outcome as if all cells were numbers, with the cells done anew where a histogram stands.

    A comparison gives the histogram of the left side back. Cells outside ``present`` are not looked at.
    """
    shape = np.broadcast_shapes(left.values.shape, right.values.shape)
    ones, others = _objects(left, shape), _objects(right, shape)
    cells = holding(ones) | holding(others)
    if op in TRIMS:
        note_floats(op, ~cells, present, notes)
    if present is not None:
        cells &= present
    values = np.array(np.broadcast_to(plain.values, shape))
    keep = np.ones(shape, dtype=np.bool_) if plain.keep is None else np.array(np.broadcast_to(plain.keep, shape))
    histograms = np.full(shape, None)
    left_values, right_values = np.broadcast_to(left.values, shape), np.broadcast_to(right.values, shape)
    for place in zip(*np.nonzero(cells), strict=True):
        one: Sample = float(left_values[place]) if ones[place] is None else ones[place]
        other: Sample = float(right_values[place]) if others[place] is None else others[place]
        result = _operated(op, one, other, notes)
        if isinstance(result, bool):
            keep[place] = return_bool or result
            values[place], histograms[place] = float(result), None if return_bool else one
        else:
            keep[place], histograms[place] = result is not None, result
    return Outcome(values, keep, histograms)


def note_floats(op: str, floats: Bools, present: Bools | None, notes: Notes) -> None:
    """Tell that a trim met numbers on both sides, if it did."""
    if (floats if present is None else floats & present).any():
        notes.incompatible_types("float", op, "float")


def _objects(operand: Operand, shape: tuple[int, ...]) -> Objects:
    return np.full(shape, None) if operand.histograms is None else np.broadcast_to(operand.histograms, shape)


def _operated(op: str, one: Sample, other: Sample, notes: Notes) -> Histogram | bool | None:
    match one, other:
        case Histogram(), Histogram():
            if op in _BETWEEN:
                return _combined(op, one, other, notes)
            if op in {"==", "!="}:
                return same(one, other) == (op == "==")
            notes.incompatible_types("histogram", op, "histogram")
        case Histogram(), float():
            if op in _BY_NUMBER:
                return _BY_NUMBER[op](one, other)
            notes.incompatible_types("histogram", op, "float")
        case float(), Histogram():
            if op == "*":
                return _BY_NUMBER[op](other, one)
            notes.incompatible_types("float", op, "histogram")
    return None


def _combined(op: str, one: Histogram, other: Histogram, notes: Notes) -> Histogram | None:
    compute, name = _BETWEEN[op]
    try:
        return notes.combined(compute(one, other), name).compact()
    except IncompatibleHistogramsError:
        notes.incompatible_buckets(op)
        return None
