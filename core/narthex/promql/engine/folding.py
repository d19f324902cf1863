"""``sum`` and ``avg`` over groups in which native histograms stand.

Numbers are added as whole arrays as ever. The histograms of one group and step are added at once, group by group. A
group that holds both at a step has no result there.
"""

from __future__ import annotations

import numpy as np

from narthex.model.histogram import Histogram, IncompatibleHistogramsError, scale, total
from narthex.promql.engine.aggregate import REDUCTIONS, Grouped
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.vector import Bools, Floats, Ints, Objects, Vector

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
    histograms = np.full(mixed.shape, None)
    present = (counts_plain > 0) & ~mixed
    _fill(op, vector, (counts_native > 0) & ~mixed, native, grouped.ids, histograms, present, notes)
    values = _plain(op, numbers)
    return Vector(grouped.labels, values, present, grouped.unnamed, histograms).compacted()


def _plain(op: str, numbers: Grouped) -> Floats:
    """The result of the numbers alone; 0 where there are none, which nobody looks at."""
    return np.asarray(REDUCTIONS[op](numbers))


def _fill(
    op: str,
    vector: Vector,
    wanted: Bools,
    native: Bools,
    ids: Ints,
    histograms: Objects,
    present: Bools,
    notes: Notes,
) -> None:
    """Write the sum or mean of each wanted group and step into ``histograms``, and that there is one."""
    assert vector.histograms is not None
    members: dict[int, Ints] = {}
    for step, group in zip(*(axis.tolist() for axis in np.nonzero(wanted)), strict=True):
        columns = members.get(group)
        if columns is None:
            columns = members[group] = np.flatnonzero(ids == group)
        columns = columns[native[step, columns]]
        found = _combined(op, vector.histograms[step, columns].tolist(), vector, columns, notes)
        if found is not None:
            histograms[step, group], present[step, group] = found, True


def _combined(op: str, terms: list[Histogram], vector: Vector, columns: Ints, notes: Notes) -> Histogram | None:
    try:
        value = notes.aggregated(total(terms), (one.hint for one in terms))
    except IncompatibleHistogramsError:
        odd = next(at for at, one in enumerate(terms) if one.custom != terms[0].custom)
        notes.mixed_schemas(vector.labels.labels(int(columns[odd])).get("__name__", ""))
        return None
    return (scale(value, 1 / len(terms)) if op == "avg" else value).compact()
