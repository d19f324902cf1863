"""What the status page says about cardinality, counted from the columns."""

from __future__ import annotations

import numpy as np

from narthex.storage.protocol import StorageStats
from narthex_plugins.tsdb.cardinality import top
from narthex_plugins.tsdb.series import METRIC, SeriesTable

__all__ = ["table_stats"]


def table_stats(table: SeriesTable, limit: int, chunks: int, min_time: int, max_time: int) -> StorageStats:
    """Counts over the whole table, each top list cut to ``limit`` entries, largest first."""
    refs = table.references()
    by_metric: list[tuple[str, int]] = []
    by_label: list[tuple[str, int]] = []
    label_bytes: list[tuple[str, int]] = []
    by_pair: list[tuple[str, int]] = []
    pairs = 0
    for name, column in list(table.columns.items()):
        codes = column.at(refs)
        counts = np.bincount(codes, minlength=1)
        counts[0] = 0
        used = int(np.count_nonzero(counts))
        pairs += used
        by_label.append((name, used))
        lengths = np.fromiter((len(value.encode()) for value in column.values[: len(counts)]), np.int64, len(counts))
        label_bytes.append((name, int((lengths * counts).sum())))
        for code in np.argsort(-counts, kind="stable")[:limit].tolist():
            if counts[code]:
                by_pair.append((f"{name}={column.values[code]}", int(counts[code])))
                if name == METRIC:
                    by_metric.append((column.values[code], int(counts[code])))
    return StorageStats(
        series=len(refs),
        label_pairs=pairs,
        chunks=chunks,
        min_time=min_time,
        max_time=max_time,
        series_by_metric=top(by_metric, limit),
        values_by_label=top(by_label, limit),
        bytes_by_label=top(label_bytes, limit),
        series_by_pair=top(by_pair, limit),
    )
