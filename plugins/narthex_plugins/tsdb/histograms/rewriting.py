"""Sealed files written anew: small ones of a day that is over become one, deleted samples go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.histograms.columns import Columns, columns_of_samples, joined
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms

__all__ = ["erased", "mergeable", "merged"]

Ints = NDArray[np.int64]
_Damaged = Callable[[StorageError], None]

_DAY = 86_400_000
_SETTLED = 7_200_000
"""A day is over when there are samples so much (ms) behind it."""

_LARGEST = 4 << 20
"""Bytes of files that become one; larger ones are worth keeping as they are."""


def mergeable(runs: Sequence[SealedHistograms], besides: Collection[int]) -> tuple[SealedHistograms, ...]:
    """Files of one day that should be one, in order of their numbers; the oldest such day, or none.

    ``besides`` are numbers of files to leave as they are.
    """
    newest = max((run.max_time for run in runs), default=0)
    days: dict[int, list[SealedHistograms]] = defaultdict(list)
    for run in sorted(runs, key=lambda one: one.number):
        one_day = run.min_time // _DAY == run.max_time // _DAY
        if one_day and run.file.size <= _LARGEST and run.number not in besides:
            days[run.min_time // _DAY].append(run)
    for day in sorted(days):
        found = days[day]
        if len(found) > 1 and (day + 1) * _DAY + _SETTLED < newest and sum(run.file.size for run in found) <= _LARGEST:
            return tuple(found)
    return ()


def merged(runs: Sequence[SealedHistograms], damaged: _Damaged) -> SealedHistograms:
    """One file of several, in place of the last of them; the others are the caller's to remove.

    After a crash in between, samples stand in two files, and readers take them once. Raises ``OSError``, or
    ``StorageError`` when a file is damaged.
    """
    last = runs[-1]
    write_histograms(joined([_columns(run) for run in runs]), last.number, last.file.path)
    return SealedHistograms(ArrayFile(last.file.path), damaged)


def erased(run: SealedHistograms, refs: Ints, start: int, end: int, damaged: _Damaged) -> SealedHistograms | None:
    """The file without the samples of some series in a window (ms, inclusive), in its place; itself, if it has none.

    None when nothing would be left: then the file is gone. Raises ``OSError``, or ``StorageError`` when it is damaged.
    """
    columns = _columns(run)
    gone = np.isin(columns.refs, refs) & (columns.times >= start) & (columns.times <= end)
    if not gone.any():
        return run
    samples = [one for one, drop in zip(columns.samples(), gone.tolist(), strict=True) if not drop]
    if not samples:
        run.file.path.unlink(missing_ok=True)
        return None
    write_histograms(columns_of_samples(samples), run.number, run.file.path)
    return SealedHistograms(ArrayFile(run.file.path), damaged)


def _columns(run: SealedHistograms) -> Columns:
    """Everything in a file. Raises ``StorageError`` when a part of it is damaged, which would be lost for good."""
    run.check()
    held = run.references()
    points = run.pick(held, run.min_time, run.max_time)
    starts = np.zeros(len(points), dtype=np.int64) if points.starts is None else points.starts
    rows = zip(held[points.series].tolist(), points.times.tolist(), starts.tolist(), points.values, strict=True)
    return columns_of_samples(list(rows))
