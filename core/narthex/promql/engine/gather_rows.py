"""Find rows by time in many groups at once.

Groups are columns of a time matrix, ascending along rows. A search in all of them is one ``searchsorted`` over keys
that put the groups one behind the other, so its cost does not grow with a Python loop over targets.
"""

from __future__ import annotations

import numpy as np

from narthex.promql.engine.vector import Ints
from narthex.storage.frames import NO_TIME, Frame

__all__ = ["NEVER", "after", "filled", "occurrences", "trimmed"]

NEVER = np.iinfo(np.int64).max
"""Padding behind a group's last row: later than any time."""


def after(times: Ints, moments: Ints) -> Ints:
    """For each moment and group the number of rows with time <= moment.

    ``times`` is int64 ``[R, G]``, ascending along rows; ``moments`` int64 ``[K]``. Returns int64 ``[K, G]``.
    """
    rows, groups = times.shape
    steps = len(moments)
    if groups == 1:
        return np.asarray(np.searchsorted(times[:, 0], moments, side="right")[:, None])
    if rows == 0 or groups == 0:
        return np.zeros((steps, groups), dtype=np.int64)
    if steps == 1:
        return np.asarray(np.count_nonzero(times <= moments[0], axis=0))[None, :]
    if groups <= 4:
        return np.stack([np.searchsorted(times[:, g], moments, side="right") for g in range(groups)], axis=1)
    low = min(int(times[0].min()), int(moments.min())) - 1
    high = int(moments.max()) + 1
    span = high - low + 1
    # Times behind the last moment all compare alike, so they are cut down to keep the keys of a group together.
    keys = (np.minimum(times, high) - low).T + (np.arange(groups) * span)[:, None]
    wanted = (moments - low)[:, None] + (np.arange(groups) * span)[None, :]
    found = np.searchsorted(keys.ravel(), wanted.ravel(), side="right").reshape(steps, groups)
    return np.asarray(found - np.arange(groups) * rows)


def filled(times: Ints) -> Ints:
    """``times`` with the time of the row before where a row has none; ascending, and leading gaps stay ``NO_TIME``."""
    return np.maximum.accumulate(times, axis=0)


def trimmed(frame: Frame, start: int, end: int) -> Frame | None:
    """The rows of a frame in which any group has a time of ``start`` < t <= ``end``; None when there are none."""
    times = frame.times
    inside = ((times > start) & (times <= end) & (times != NO_TIME)).any(axis=1)
    first = int(inside.argmax())
    if len(inside) == 0 or not inside[first]:
        return None
    last = len(inside) - int(inside[::-1].argmax())
    if first == 0 and last == len(inside):
        return frame
    return Frame(frame.matrix[first:last], frame.columns, frame.series, times[first:last], frame.group)


def occurrences(series: Ints) -> list[Ints]:
    """Positions split so that no series stands twice in one part: first occurrences, second ones, and so on."""
    if len(series) < 2 or bool((series[1:] > series[:-1]).all()):
        return [np.arange(len(series))]
    order = np.argsort(series, kind="stable")
    ordered = series[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if len(starts) == len(series):
        return [np.arange(len(series))]
    rank = np.arange(len(series)) - np.repeat(starts, np.diff(np.append(starts, len(series))))
    return [np.sort(order[rank == one]) for one in range(int(rank.max()) + 1)]
