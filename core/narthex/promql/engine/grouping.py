"""Number label sets by their dictionary codes, without looking at any text.

Everything that Prometheus does with a hash map from label set to something becomes: give equal label sets equal
numbers. Where the product of the dictionaries is small the combined code itself is the number of a slot, and numbering
takes linear time; else the combined codes are sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import Column, LabelTable

__all__ = ["has_duplicates", "joint_groups", "number", "row_groups", "translate", "used_codes"]

Indices = NDArray[np.int64]
_ROOM = 1 << 62


def row_groups(table: LabelTable) -> tuple[Indices, Indices]:
    """Number equal rows: ``(ids, first)`` as :meth:`LabelTable.group`, in linear time for small dictionaries.

    ``ids[i]`` is the group of row ``i``; ``first[g]`` the first row of group ``g``. Groups are numbered by first
    appearance.
    """
    key, size = _combined(table.rows, table.columns.values())
    return number(key, size)


def number(key: Indices, size: int) -> tuple[Indices, Indices]:
    """The same for a key of 0 <= key < ``size``."""
    rows = len(key)
    if rows == 0:
        return key, key
    if size == 1:
        return np.zeros(rows, dtype=np.int64), np.zeros(1, dtype=np.int64)
    if size <= 4 * rows + 1024:
        first = np.full(size, rows, dtype=np.int64)
        first[key[::-1]] = np.arange(rows - 1, -1, -1)  # the last write, that is the first row, stays
        used = np.flatnonzero(first < rows)
        order = used[np.argsort(first[used], kind="stable")]
        rank = np.empty(size, dtype=np.int64)
        rank[order] = np.arange(len(order))
        return rank[key], first[order]
    distinct, inverse = np.unique(key, return_inverse=True)
    return number(inverse.reshape(-1), len(distinct))


def used_codes(codes: NDArray[np.int32]) -> Indices:
    """The codes that occur, ascending: counting beats sorting, and numpy's hashing by far."""
    return np.flatnonzero(np.bincount(codes))


def has_duplicates(table: LabelTable) -> bool:
    """Whether two rows are equal. A plain sort of the keys, which is several times cheaper than numbering."""
    if table.rows < 2:
        return False
    key, size = _combined(table.rows, table.columns.values())
    if size < table.rows:
        return True
    ordered = np.sort(key)
    return bool((ordered[1:] == ordered[:-1]).any())


def joint_groups(left: LabelTable, right: LabelTable, names: Iterable[str]) -> tuple[Indices, Indices, int]:
    """Number the rows of two tables by the labels ``names``: ``(ids of left, ids of right, number of groups)``."""
    columns = [_joined(left, right, name) for name in names if name in left.columns or name in right.columns]
    key, size = _combined(left.rows + right.rows, columns)
    ids, first = number(key, size)
    return ids[: left.rows], ids[left.rows :], len(first)


def _combined(rows: int, columns: Iterable[Column]) -> tuple[Indices, int]:
    key = np.zeros(rows, dtype=np.int64)
    size = 1
    for column in columns:
        codes, width = _narrow(column, rows)
        if size * width >= _ROOM:  # renumber before the combined key could overflow 64 bits
            distinct, key = np.unique(key, return_inverse=True)
            size = len(distinct)
        key = key * width + codes if size > 1 else codes.astype(np.int64)
        size *= width
    return key, size


def _narrow(column: Column, rows: int) -> tuple[NDArray[np.int32], int]:
    """Codes within the range that really occurs: a selection often uses little of a large dictionary."""
    width = len(column.dictionary)
    if width <= 64 or rows == 0:
        return column.codes, width
    low = int(column.codes.min())
    return column.codes - np.int32(low), int(column.codes.max()) - low + 1


def _joined(left: LabelTable, right: LabelTable, name: str) -> Column:
    """One label of both tables' rows, over one dictionary."""
    mine, theirs = left.columns.get(name), right.columns.get(name)
    if mine is None:
        assert theirs is not None  # the caller asks for labels that one side has
        return Column(np.concatenate([np.zeros(left.rows, np.int32), theirs.codes]), theirs.dictionary)
    if theirs is None:
        return Column(np.concatenate([mine.codes, np.zeros(right.rows, np.int32)]), mine.dictionary)
    codes, dictionary = translate(theirs, mine)
    return Column(np.concatenate([mine.codes, codes]), dictionary)


def translate(column: Column, target: Column) -> tuple[NDArray[np.int32], Sequence[str]]:
    """``column``'s codes over ``target``'s dictionary, which grows where values are new."""
    if column.dictionary is target.dictionary:
        return column.codes, target.dictionary
    used = used_codes(column.codes)
    if target.codes.size * 4 < len(target.dictionary):  # few rows over a large dictionary: only what they use
        known = {target.dictionary[code]: int(code) for code in used_codes(target.codes).tolist()}
    else:
        known = {value: code for code, value in enumerate(target.dictionary)}
    known[""] = 0
    added: list[str] = []
    size = len(target.dictionary)
    table = np.zeros(int(used[-1]) + 1 if len(used) else 1, dtype=np.int32)
    for code in used.tolist():
        value = column.dictionary[code]
        at = known.get(value)
        if at is None:
            at = size + len(added)
            added.append(value)
        table[code] = at
    return table[column.codes], [*target.dictionary, *added] if added else target.dictionary
