"""Put a script's series into a storage: each ``load`` block is one lane, each position one row."""

from __future__ import annotations

import numpy as np

from narthex.errors import StorageError
from narthex.model.sample import MISSING
from narthex.promql.testlang.histograms import FloatHistogram
from narthex.promql.testlang.script import Load
from narthex.storage.protocol import Batch, Storage

__all__ = ["load_into", "unsupported_in"]


def unsupported_in(load: Load) -> set[str]:
    """What the block holds that no storage can take yet."""
    found: set[str] = set()
    if load.with_nhcb or any(isinstance(one, FloatHistogram) for line in load.series for one in line.values):
        found.add("native histograms")
    if load.starts:
        found.add("start timestamps")
    return found


def load_into(storage: Storage, load: Load) -> None:
    """Store the block's float samples; histograms are left out (see :func:`unsupported_in`).

    Raises ``StorageError`` when the storage refuses a sample.
    """
    if not load.series:
        return
    rows = max(len(line.values) for line in load.series)
    matrix = np.full((rows, len(load.series)), MISSING)
    for column, line in enumerate(load.series):
        for row, value in enumerate(line.values):
            if value is not None and not isinstance(value, FloatHistogram):
                matrix[row, column] = value
    lane = storage.open_lane(max(load.step, 1), 0)
    lane.extend(storage.register([line.labels for line in load.series]))
    moments = range(rows) if load.step else range(min(rows, 1))
    for row in moments:
        outcome = storage.append(Batch(lane, row * load.step, matrix[row]))
        if outcome.duplicate or outcome.out_of_order or outcome.too_old or outcome.out_of_bounds:
            raise StorageError(f"line {load.line}: the storage refused samples at {row * load.step} ms: {outcome}")
    lane.close()
