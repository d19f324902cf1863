"""Put what a function gives for windows with histograms among what it gave for columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from narthex.model.histogram import Histogram
from narthex.promql.engine.denseruns import Kind, dense_parts, kind_of
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.runs import OfStretch, Run, stretches
from narthex.promql.engine.vector import Bools, Floats, Ints, Objects, holding

__all__ = ["Reduced", "overridden"]

Reduced = tuple[Ints, Floats, "Bools | None", "Objects | None"]
"""Label rows ``[n]``, values ``[K, n]``, where they are (None: everywhere), and the histograms among them."""


def overridden(
    result: Reduced, runs: Sequence[Run], bounds: tuple[Ints, Ints], function: OfStretch | None, notes: Notes
) -> Reduced:
    """The result with the cells of ``runs`` done anew; without a ``function`` their histograms are only ignored.

    ``bounds`` are start and end of the windows (int64 ``[K]``, ms).
    """
    if function is None:
        _note_ignored(runs, bounds, notes)
        return result
    rows, values, present, _ = result
    place = {row: at for at, row in enumerate(rows.tolist())}
    added = [run.series for run in runs if run.series not in place]
    place |= {row: len(rows) + at for at, row in enumerate(added)}
    rows = np.concatenate([rows, np.array(added, dtype=np.int64)])
    steps = len(bounds[0])
    values = np.concatenate([values, np.zeros((steps, len(added)))], axis=1)
    mask = np.ones((steps, len(rows)), dtype=np.bool_) if present is None else present
    mask = np.concatenate([mask[:, : len(rows) - len(added)], np.zeros((steps, len(added)), np.bool_)], axis=1)
    histograms = np.full(values.shape, None)
    rest = _together(runs, bounds, function, notes, place, (mask, histograms))
    for run in rest:
        column = place[run.series]
        for stretch in stretches(run, *bounds, notes, beyond=function.beyond):
            found = function.compute(stretch)
            mask[stretch.step, column] = found is not None
            if isinstance(found, Histogram):
                histograms[stretch.step, column] = found
            elif found is not None:
                values[stretch.step, column] = found
    order = np.argsort(rows, kind="stable")
    return rows[order], values[:, order], mask[:, order], histograms[:, order]


def _together(
    runs: Sequence[Run],
    bounds: tuple[Ints, Ints],
    function: OfStretch,
    notes: Notes,
    place: Mapping[int, int],
    out: tuple[Bools, Objects],
) -> list[Run]:
    """Write the results of runs that can be computed at once, and return the others."""
    dense = function.dense
    if dense is None:
        return list(runs)
    rest: list[Run] = []
    groups: dict[Kind, list[Run]] = {}
    for run in runs:
        kind = kind_of(run)
        if kind is None or not dense.takes(kind):
            rest.append(run)
        else:
            groups.setdefault(kind, []).append(run)
    mask, histograms = out
    for kind, members in groups.items():
        columns = np.array([place[run.series] for run in members])
        for part, found in dense_parts(dense, members, kind, bounds, notes):
            histograms[:, columns[part]] = found
            mask[:, columns[part]] |= holding(found)
    return rest


def _note_ignored(runs: Sequence[Run], bounds: tuple[Ints, Ints], notes: Notes) -> None:
    for run in runs:
        low, high = (np.searchsorted(run.times, bound, side="right") for bound in bounds)
        natives = run.natives(low, high)
        if ((natives > 0) & (natives < high - low)).any():
            notes.ignored_in_range(run.name)
