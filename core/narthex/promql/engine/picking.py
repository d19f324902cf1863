"""One cell for each step and series out of a block, where a whole group of series wants the same row.

Targets tick together. At one step half of them may have their newest sample in the last row and half in the one before,
but there are hardly ever more than three different rows. So whole rows are copied, which lie in order in memory, and
then the columns of the groups that want another row. Over 31 steps of 4,000 series that takes a fifth of the time of
computing an index for each cell.
"""

from __future__ import annotations

import numpy as np

from narthex.promql.engine.vector import Bools, Floats, Ints

__all__ = ["picked"]

_STEPS = 4
"""With fewer steps there is nothing to gain."""

_SHARED = 16
"""So many series a group must have on average: groups of their own do not tick together."""

_DIFFERENT = 8
"""With more different rows at a step their masks cost more than indices."""


def picked(values: Floats, rows: Ints, group: Ints) -> Floats:
    """The cells of ``values`` (``[R, n]``) in each step's and group's row: float64 ``[K, n]``.

    ``rows`` is int64 ``[K, G]`` and clipped to the rows there are; ``group`` int64 ``[n]``.
    """
    rows = np.clip(rows, 0, len(values) - 1)
    if len(rows) >= _STEPS and rows.shape[1] * _SHARED <= values.shape[1]:
        found = _by_row(values, rows, group)
        if found is not None:
            return found
    size = values.shape[1]
    flat = np.take(rows * size, group, axis=1)
    flat += np.arange(size)
    cells: Floats = np.take(values, flat, mode="clip")  # a flat index takes half the time of two
    return cells


def _by_row(values: Floats, rows: Ints, group: Ints) -> Floats | None:
    """The same by whole rows; None where groups differ too much."""
    cells = np.empty((len(rows), values.shape[1]))
    apart = rows - rows[:, :1]
    known: dict[bytes, list[tuple[int, Bools]]] = {}  # the same targets are late at every step
    for first, distances, into in zip(rows[:, 0].tolist(), apart, cells, strict=True):
        key = distances.tobytes()
        others = known.get(key)
        if others is None:
            different = set(distances.tolist()) - {0}
            if len(different) > _DIFFERENT or len(known) > _DIFFERENT:
                return None
            others = known[key] = [(one, (distances == one)[group]) for one in different]
        into[:] = values[first]
        for distance, mask in others:
            np.copyto(into, values[first + distance], where=mask)
    return cells
