"""Put a script's series into a storage: each ``load`` block is one lane, each position one row.

Numbers travel as rows, histograms beside them; numbers with a start timestamp as points, for rows carry none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from narthex.errors import StorageError
from narthex.model.histogram import Histogram
from narthex.model.sample import MISSING
from narthex.promql.testlang.nhcb import converted
from narthex.promql.testlang.script import Load
from narthex.promql.testlang.series import SeriesLine
from narthex.storage.frames import NO_START, HistogramPoints, Points
from narthex.storage.protocol import Batch, Lane, Storage

__all__ = ["load_into"]

_Entry = tuple[int, int, int]
"""Series reference, position of the line, start timestamp."""


def load_into(storage: Storage, load: Load) -> None:
    """Store the block's samples. Raises ``StorageError`` when the storage refuses a sample."""
    series = list(load.series)
    if load.with_nhcb:
        try:
            series += converted(load.series)
        except ValueError as error:
            raise StorageError(f"line {load.line}: {error}") from None
    if not series:
        return
    lane = storage.open_lane(max(load.step, 1), 0)
    refs = storage.register([line.labels for line in series])
    lane.extend(refs)
    offsets = {line.labels: line.values for line in load.starts}
    starts = [offsets.get(line.labels, ()) for line in series]
    rows = max(len(line.values) for line in series)
    for row in range(rows if load.step else min(rows, 1)):
        batch = _batch(lane, refs.tolist(), series, [_start(one, row, load.step) for one in starts], row, load.step)
        outcome = storage.append(batch)
        if outcome.duplicate or outcome.out_of_order or outcome.too_old or outcome.out_of_bounds:
            raise StorageError(f"line {load.line}: the storage refused samples at {row * load.step} ms: {outcome}")
    lane.close()


def _start(offsets: Sequence[object], row: int, step: int) -> int:
    offset = offsets[row] if row < len(offsets) else None
    return row * step + round(offset) if isinstance(offset, float) else NO_START


def _batch(
    lane: Lane, refs: Sequence[int], series: Sequence[SeriesLine], starts: Sequence[int], row: int, step: int
) -> Batch:
    """Everything at one position."""
    when = row * step
    values = np.full(len(series), MISSING)
    apart: list[_Entry] = []
    held: list[tuple[int, int, Histogram]] = []
    for column, (ref, line, start) in enumerate(zip(refs, series, starts, strict=True)):
        value = line.values[row] if row < len(line.values) else None
        if isinstance(value, Histogram):
            held.append((ref, start, value))
        elif value is not None and start != NO_START:
            apart.append((ref, column, start))
        elif value is not None:
            values[column] = value
    points = None
    if apart:
        # the bits of a stale marker survive in an array only
        numbers = np.array([series[column].values[row] for _, column, _ in apart], dtype=np.float64)
        points = Points(
            np.array([ref for ref, _, _ in apart], dtype=np.int64),
            np.full(len(apart), when, dtype=np.int64),
            numbers,
            np.array([start for _, _, start in apart], dtype=np.int64),
        )
    histograms = None
    if held:
        some = [start for _, start, _ in held]
        histograms = HistogramPoints.of(
            [ref for ref, _, _ in held],
            [when] * len(held),
            [value for _, _, value in held],
            some if any(start != NO_START for start in some) else None,
        )
    return Batch(lane, when, values, points, histograms)
