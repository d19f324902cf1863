"""The series of the head and of blocks as one table: a series that several of them know is one row.

The head's series come first, in order of reference. Series of blocks are looked up by hash; only those that the head
no longer knows get rows of their own, and only for them labels are read from a block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.blocks.tables import joined
from narthex_plugins.tsdb.series import SeriesTable

__all__ = ["union"]

Ints = NDArray[np.int64]


def union(
    table: SeriesTable, refs: Ints, found: Sequence[tuple[Block, Ints]]
) -> tuple[LabelTable, list[tuple[Block, Ints, Ints]]]:
    """The table of all series, and for each block its series with their rows.

    ``refs`` (ascending) are the series of the head, ``found`` those of the blocks, by number, ascending.
    """
    hashes = [block.hashes[series] for block, series in found]
    known = [_rows(table, refs, one) for one in hashes]
    lost = [np.flatnonzero(rows < 0) for rows in known]
    if sum(map(len, lost)):
        new, first, place = np.unique(
            np.concatenate([one[at] for one, at in zip(hashes, lost, strict=True)]),
            return_index=True,
            return_inverse=True,
        )
        rank = np.empty(len(new), dtype=np.int64)
        rank[np.argsort(first, kind="stable")] = np.arange(len(new))  # in order of block, then series
        rows_of_new = len(refs) + rank[place.reshape(-1)]
        tables, at = [table.table(refs)], 0
        for (block, series), rows, missing in zip(found, known, lost, strict=True):
            rows[missing] = rows_of_new[at : at + len(missing)]
            own = np.sort(first[(first >= at) & (first < at + len(missing))]) - at
            tables.append(block.table(series[missing[own]]))
            at += len(missing)
        labels = joined(tables, {name: column.index for name, column in table.columns.items()})
    else:
        labels = table.table(refs)
    return labels, [(block, series, rows) for (block, series), rows in zip(found, known, strict=True)]


def _rows(table: SeriesTable, refs: Ints, hashes: NDArray[np.uint64]) -> Ints:
    """Where in ``refs`` the series with these hashes stand, or -1."""
    if not len(refs):
        return np.full(len(hashes), -1, dtype=np.int64)
    own = table.find(hashes)
    at = np.minimum(np.searchsorted(refs, own), len(refs) - 1)
    return np.where((own >= 0) & (refs[at] == own), at, -1)
