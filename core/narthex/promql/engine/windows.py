"""Range selectors: every sample of the window, as few aligned blocks.

A block is time-major like the storage's frames: ``values[row, column]``, with one column of times for each group of
series. Inside a block there are no holes: a series with gaps, staleness markers, samples from several frames or
timestamps of its own is packed to the top of its column and gets a group of its own. So the functions over ranges see
one shape of data only, and regular series are taken from the frames without looking at single cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from narthex.model.sample import is_missing, is_stale
from narthex.promql.engine.gather_rows import NEVER, occurrences, trimmed
from narthex.promql.engine.vector import Bools, Floats, Ints
from narthex.storage.frames import NO_TIME, Frame, Selection

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
    chains = _chained(frames)
    scattered = _scattered(chains, selection)
    for chain in chains:
        chosen = None if scattered is None else np.flatnonzero(~scattered[chain.series])
        yield from _of_chain(chain, chosen, steps)
    if scattered is not None:
        yield from _of_scattered(frames, selection, scattered, (start, end), steps)


# --- frames that follow each other ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chain:
    """Frames of the same series in the same groups, one behind the other (slabs that were sealed)."""

    parts: tuple[Frame, ...]
    times: Ints

    @property
    def series(self) -> Ints:
        return self.parts[0].series

    @property
    def group(self) -> Ints:
        return self.parts[0].group

    def cells(self, chosen: slice | Ints) -> Floats:
        """All rows of some of the series: ``[R, chosen]``."""
        if len(self.parts) == 1:
            return _columns(self.parts[0].matrix, self.parts[0].columns[chosen])
        columns = [part.columns[chosen] for part in self.parts]
        values = np.empty((len(self.times), len(columns[0])))
        row = 0
        for part, wanted in zip(self.parts, columns, strict=True):
            rows = len(part.times)
            np.take(part.matrix, wanted, axis=1, out=values[row : row + rows], mode="clip")  # clip: no buffer between
            row += rows
        return values


def _chained(frames: Sequence[Frame]) -> list[_Chain]:
    """Neighbouring frames joined where they can be."""
    chains: list[list[Frame]] = []
    for frame in map(_used_groups, frames):
        aligned = _aligned(chains[-1][0], frame) if chains else None
        if aligned is not None and _follows(chains[-1][-1], aligned):
            chains[-1].append(aligned)
        else:
            chains.append([frame])
    return [_Chain(tuple(parts), _rows_of(parts)) for parts in chains]


def _rows_of(parts: Sequence[Frame]) -> Ints:
    return parts[0].times if len(parts) == 1 else np.concatenate([part.times for part in parts])


def _used_groups(frame: Frame) -> Frame:
    times, group = _only_used(frame.times, frame.group)
    return frame if times is frame.times else Frame(frame.matrix, frame.columns, frame.series, times, group)


def _only_used(times: Ints, group: Ints) -> tuple[Ints, Ints]:
    """``times`` and ``group`` without the groups of no column, which need not be in order."""
    taken = np.bincount(group, minlength=times.shape[1]) > 0
    if taken.all():
        return times, group
    return times[:, taken], (np.cumsum(taken) - 1)[group]


def _aligned(first: Frame, frame: Frame) -> Frame | None:
    """``frame`` with its groups in the order of ``first``'s; None unless series and groups are the same."""
    if not np.array_equal(first.series, frame.series) or first.times.shape[1] != frame.times.shape[1]:
        return None
    if np.array_equal(first.group, frame.group):
        return frame
    theirs = np.zeros(frame.times.shape[1], dtype=np.int64)
    theirs[first.group] = frame.group
    if not np.array_equal(theirs[first.group], frame.group) or len(np.unique(theirs)) != len(theirs):
        return None
    return Frame(frame.matrix, frame.columns, frame.series, frame.times[:, theirs], first.group)


def _follows(before: Frame, frame: Frame) -> bool:
    first = np.where(frame.times == NO_TIME, NEVER, frame.times).min(axis=0)
    return bool((before.times.max(axis=0) < first).all())


# --- regular series -------------------------------------------------------------------------------------------------


def _of_chain(chain: _Chain, chosen: Ints | None, steps: int) -> Iterator[Block]:
    size = len(chain.series) if chosen is None else len(chosen)
    width = max(1, _CELLS // max(steps, len(chain.times)))
    for at in range(0, size, width):
        part = slice(at, at + width) if chosen is None else chosen[at : at + width]
        yield from _clean(chain.series[part], chain.cells(part), chain.times, chain.group[part])


def _columns(matrix: Floats, columns: Ints) -> Floats:
    """Columns of a matrix; a view where they are neighbours, as a whole target's are."""
    first, last = int(columns[0]), int(columns[-1])
    if last - first + 1 == len(columns) and bool((np.diff(columns) == 1).all()):
        return matrix[:, first : last + 1]
    return np.take(matrix, columns, axis=1)


def _clean(series: Ints, values: Floats, times: Ints, group: Ints) -> Iterator[Block]:
    """Split into columns without holes, given as they are, and the others, packed."""
    gaps = (times == NO_TIME).any(axis=0)
    if gaps.any():
        times, group = _only_used(times, group)
        gaps = (times == NO_TIME).any(axis=0)
    untimed = gaps[group]
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = np.isnan(np.add.reduce(values, axis=0)) & ~untimed  # one pass; a hole is a NaN
    where = np.flatnonzero(suspect)
    if len(where):
        cells = np.ascontiguousarray(values[:, where])
        suspect[where] = (is_missing(cells) | is_stale(cells)).any(axis=0)
    rough = suspect | untimed
    if not rough.any():
        yield Block(series, values, times, group)
        return
    smooth = np.flatnonzero(~rough)
    if len(smooth):
        yield Block(series[smooth], values[:, smooth], *_only_used(times, group[smooth]))
    where = np.flatnonzero(rough)
    cells = np.ascontiguousarray(values[:, where])
    cell_times = times[:, group[where]]
    valid = (cell_times != NO_TIME) & ~is_missing(cells) & ~is_stale(cells)
    yield from packed(series[where], cells, cell_times, valid)


def packed(series: Ints, values: Floats, times: Ints, valid: Bools) -> Iterator[Block]:
    """A block of the ``valid`` cells, moved to the top of their columns, each column a group of its own.

    All arrays are ``[R, n]`` but ``series``, which is ``[n]``. Nothing is given when no cell is valid.
    """
    counts = np.count_nonzero(valid, axis=0)
    height = int(counts.max(initial=0))
    if not height:
        return
    order = np.argsort(~valid, axis=0, kind="stable")[:height]
    packed_times = np.take_along_axis(times, order, axis=0)
    packed_times[np.arange(height)[:, None] >= counts] = NEVER
    yield Block(series, np.take_along_axis(values, order, axis=0), packed_times, np.arange(len(series)))


# --- series in several places ---------------------------------------------------------------------------------------


def _scattered(chains: Sequence[_Chain], selection: Selection) -> Bools | None:
    """Which series have samples in more than one place (bool ``[rows of the table]``), or None for no one."""
    alone = len(chains) < 2 and all(len(occurrences(chain.series)) == 1 for chain in chains)
    if alone and not len(selection.points.series):
        return None
    places = np.zeros(selection.labels.rows, dtype=np.int64)
    for chain in chains:
        places += np.bincount(chain.series, minlength=len(places))
    places[selection.points.series] += 2  # points are never aligned
    several = places > 1
    return several if several.any() else None


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
