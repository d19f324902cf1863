"""What takes how many series, counted on the codes of a label table. Lists are cut, largest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from narthex.model.labels import quote
from narthex.model.labeltable import LabelTable
from narthex.storage.protocol import StorageStats

__all__ = ["Top", "pairs", "table_counts", "top", "values", "values_by_name"]

Top = Sequence[tuple[str, int]]
_METRIC = "__name__"


def top(entries: Iterable[tuple[str, int]], limit: int) -> Top:
    """The entries with the largest numbers; equal ones by name."""
    return sorted((one for one in entries if one[1]), key=lambda one: (-one[1], one[0]))[:limit]


def values(table: LabelTable, name: str, limit: int) -> Top:
    """Series by value of one label."""
    column = table.columns.get(name)
    if column is None:
        return ()
    counts = np.bincount(column.codes, minlength=1)
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")[: limit + 1].tolist()
    return top(((column.dictionary[code], int(counts[code])) for code in order), limit)


def pairs(table: LabelTable, limit: int, spelled: Callable[[str], str] = quote) -> Top:
    """Series by label pair, as ``name="value"``, or with the value spelled otherwise."""
    found = [(f"{name}={spelled(value)}", n) for name in table.columns for value, n in values(table, name, limit)]
    return top(found, limit)


def values_by_name(table: LabelTable, limit: int) -> Top:
    """Distinct values by label name."""
    counts = ((name, int(np.count_nonzero(np.bincount(one.codes)[1:]))) for name, one in table.columns.items())
    return top(counts, limit)


def table_counts(table: LabelTable, limit: int, chunks: int, min_time: int, max_time: int) -> StorageStats:
    """All of it, with the number of chunks and the times (ms) given."""
    names = values_by_name(table, len(table.columns))
    sizes = []
    for name, column in table.columns.items():
        counts = np.bincount(column.codes)
        lengths = np.fromiter(
            (len(column.dictionary[code].encode()) * n for code, n in enumerate(counts.tolist()) if n), dtype=np.int64
        )
        sizes.append((name, int(lengths.sum())))
    return StorageStats(
        series=table.rows,
        label_pairs=sum(count for _, count in names),
        chunks=chunks,
        min_time=min_time,
        max_time=max_time,
        series_by_metric=values(table, _METRIC, limit),
        values_by_label=names[:limit],
        bytes_by_label=top(sizes, limit),
        series_by_pair=pairs(table, limit, str),
    )
