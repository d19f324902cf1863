"""Range selectors: every sample of the window, as few aligned blocks.

A block is time-major like the storage's frames: ``values[row, column]``, with one column of times for each group of
series. Inside a block there are no holes: a series with gaps, staleness markers, samples from several frames or
timestamps of its own is packed to the top of its column and gets a group of its own. So the functions over ranges see
one shape of data only, and regular series are taken from the frames without looking at single cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from narthex.model.sample import is_missing, is_stale
from narthex.promql.engine.gather_rows import NEVER, occurrences, trimmed
from narthex.promql.engine.stacks import Gaps, Stack, stacked
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.storage.frames import NO_TIME, Frame, Points, Selection

__all__ = ["Block", "blocks", "packed"]

_CELLS = 1 << 22
"""Cells of one block (32 MB of float64): the bound on what a query over ranges holds at a time."""


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of some series, without holes.

    * ``series``: int64 ``[n]``, the label-table rows of the columns.
    * ``values``: float64 ``[R, n]``.
    * ``times``: int64 ``[R, G]``, ms, ascending; ``NEVER`` behind a group's last row.
    * ``group``: int64 ``[n]``, each column's column of ``times``.
    """

    series: Ints
    values: Floats
    times: Ints
    group: Ints


def blocks(selection: Selection, start: int, end: int, steps: int = 1) -> Iterator[Block]:
    """Blocks that together hold every sample of ``start`` < t <= ``end``; more samples may be given.

    A block is so narrow that neither its samples nor a matrix of ``steps`` rows over its series grows large.

    Each series stands in one block at most. Staleness markers are left out. Where two samples of a series have one
    timestamp, the frame given later wins, and points win over frames.
    """
    frames = [cut for frame in selection.frames if (cut := trimmed(frame, start, end)) is not None]
    selection = Selection(selection.labels, frames, _points_between(selection.points, start, end))
    stacks, scattered = stacked(frames, selection)
    for stack in stacks:
        yield from _of_stack(stack, steps)
    if scattered is not None:
        yield from _of_scattered(frames, selection, scattered, (start, end), steps)


def _points_between(points: Points, start: int, end: int) -> Points:
    """Points outside the window must not make their series irregular."""
    inside = (points.times > start) & (points.times <= end)
    return points if inside.all() else Points(points.series[inside], points.times[inside], points.values[inside])


# --- regular series -------------------------------------------------------------------------------------------------


def _of_stack(stack: Stack, steps: int) -> Iterator[Block]:
    times, group = stack.times, stack.group
    if (times == NO_TIME).any():
        times, group = _only_used(times, group)
    gaps, times = Gaps.of(times)
    if not len(times):
        return
    stack = replace(stack, group=group)
    width = max(1, _CELLS // max(steps, len(times)))
    for at in range(0, len(stack.series), width):
        part = stack.take(slice(at, at + width))
        yield from _clean(part.series, part.cells() if gaps is None else part.without_gaps(gaps), times, part.group)


def _only_used(times: Ints, group: Ints) -> tuple[Ints, Ints]:
    """``times`` and ``group`` without the groups of no column, which need not be in order."""
    taken = np.bincount(group, minlength=times.shape[1]) > 0
    if taken.all():
        return times, group
    return times[:, taken], (np.cumsum(taken) - 1)[group]


def _clean(series: Ints, values: Floats, times: Ints, group: Ints) -> Iterator[Block]:
    """Split into columns without holes, given as they are, and the others, packed."""
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = np.isnan(np.add.reduce(values, axis=0))  # one pass; a hole is a NaN
    where = np.flatnonzero(suspect)
    if len(where):
        cells = np.ascontiguousarray(values[:, where])
        suspect[where] = (is_missing(cells) | is_stale(cells)).any(axis=0)
    if not suspect.any():
        yield Block(series, values, times, group)
        return
    smooth = np.flatnonzero(~suspect)
    if len(smooth):
        yield Block(series[smooth], values[:, smooth], *_only_used(times, group[smooth]))
    where = np.flatnonzero(suspect)
    cells = np.ascontiguousarray(values[:, where])
    cell_times = times[:, group[where]]
    valid = (cell_times != NEVER) & ~is_missing(cells) & ~is_stale(cells)
    yield from packed(series[where], cells, cell_times, valid)


def packed(series: Ints, values: Floats, times: Ints, valid: Bools) -> Iterator[Block]:
    """A block of the ``valid`` cells, moved to the top of their columns, which then have times of their own.

    All arrays are ``[R, n]`` but ``series``, which is ``[n]``. Nothing is given when no cell is valid.
    """
    counts = np.count_nonzero(valid, axis=0)
    height = int(counts.max(initial=0))
    if not height:
        return
    order = np.argsort(~valid, axis=0, kind="stable")[:height]
    packed_times = np.take_along_axis(times, order, axis=0)
    packed_times[np.arange(height)[:, None] >= counts] = NEVER
    yield Block(series, np.take_along_axis(values, order, axis=0), *_shared(packed_times))


def _shared(times: Ints) -> tuple[Ints, Ints]:
    """Equal columns of times as one, and the column of each: rows are then searched once for all of them.

    A failed scrape leaves the same gap in all series of a target. Columns are compared by a sum with odd weights, and
    the outcome is checked.
    """
    weights = (2 * np.arange(len(times)) + 1) * 0x9E3779B97F4A7
    _, first, group = np.unique((times * weights[:, None]).sum(axis=0), return_index=True, return_inverse=True)
    few = times[:, first]
    group = group.reshape(-1)
    if np.array_equal(few[:, group], times):
        return few, group
    return times, np.arange(times.shape[1])


# --- series in several places ---------------------------------------------------------------------------------------


def _of_scattered(
    frames: Sequence[Frame], selection: Selection, scattered: Bools, bounds: tuple[int, int], steps: int
) -> Iterator[Block]:
    """Bring the samples together one by one: sort by series and time, the later place wins."""
    all_series = np.flatnonzero(scattered)
    height = sum(len(frame.times) for frame in frames) + len(selection.points.series) // len(all_series) + 1
    width = max(1, _CELLS // max(steps, height))
    for at in range(0, len(all_series), width):
        part = all_series[at : at + width]
        wanted = np.zeros(len(scattered), dtype=np.bool_)
        wanted[part] = True
        runs = [run for frame in frames for run in _loose(frame, wanted)]
        inside = wanted[selection.points.series]
        points = selection.points
        runs.append((points.series[inside], points.times[inside], points.values[inside]))
        yield from _sorted_block(runs, *bounds)


def _loose(frame: Frame, wanted: Bools) -> Iterator[tuple[Ints, Ints, Floats]]:
    """The samples of the wanted series as parallel arrays, one run for each occurrence of a series."""
    chosen = np.flatnonzero(wanted[frame.series])
    for part in occurrences(frame.series[chosen]):
        columns = chosen[part]
        values = np.take(frame.matrix, frame.columns[columns], axis=1)
        times = frame.times[:, frame.group[columns]]
        valid = (times != NO_TIME) & ~is_missing(values)
        series = np.broadcast_to(frame.series[columns], values.shape)
        yield series[valid], times[valid], values[valid]


def _sorted_block(runs: Sequence[tuple[Ints, Ints, Floats]], start: int, end: int) -> Iterator[Block]:
    series = np.concatenate([run[0] for run in runs])
    times = np.concatenate([run[1] for run in runs])
    values = np.concatenate([run[2] for run in runs])
    order = np.lexsort((times, series))  # stable: among equal times the later run stays last
    series, times, values = series[order], times[order], values[order]
    keep = (times > start) & (times <= end)
    keep[:-1] &= (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    keep &= ~is_stale(values)
    series, times, values = series[keep], times[keep], values[keep]
    if not len(series):
        return
    first = np.flatnonzero(np.concatenate([[True], series[1:] != series[:-1]]))
    counts = np.diff(np.append(first, len(series)))
    column = np.repeat(np.arange(len(first)), counts)
    row = np.arange(len(series)) - np.repeat(first, counts)
    packed_values = np.zeros((int(counts.max()), len(first)))
    packed_times = np.full(packed_values.shape, NEVER)
    packed_values[row, column] = values
    packed_times[row, column] = times
    yield Block(series[first], packed_values, packed_times, np.arange(len(first)))
