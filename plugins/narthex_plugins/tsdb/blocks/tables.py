"""Label tables one below the other: the series of several blocks, or of the head and blocks, under one dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import Column, LabelTable

__all__ = ["joined"]

Codes = NDArray[np.int32]


def joined(tables: Sequence[LabelTable], known: Mapping[str, Mapping[str, int]] | None = None) -> LabelTable:
    """All rows of the tables. The first one's dictionaries are extended, not changed.

    ``known`` may give the codes of the first table's values, by label name, where somebody has that index already.
    """
    rows = sum(table.rows for table in tables)
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return LabelTable(rows, {name: _column(name, tables, rows, (known or {}).get(name)) for name in names})


def _column(name: str, tables: Sequence[LabelTable], rows: int, known: Mapping[str, int] | None) -> Column:
    codes: Codes = np.zeros(rows, dtype=np.int32)
    first = tables[0].columns.get(name)
    dictionary: list[str] = list(first.dictionary) if first is not None else [""]
    index: dict[str, int] = {} if known is not None else {value: code for code, value in enumerate(dictionary)}
    at = 0
    for number, table in enumerate(tables):
        column = table.columns.get(name)
        if column is not None:
            codes[at : at + table.rows] = column.codes if not number else _translated(column, dictionary, index, known)
        at += table.rows
    return Column(codes, dictionary)


def _translated(column: Column, dictionary: list[str], index: dict[str, int], known: Mapping[str, int] | None) -> Codes:
    used, codes = np.unique(column.codes, return_inverse=True)
    new = np.zeros(len(used), dtype=np.int32)
    limit = len(dictionary)
    for at, code in enumerate(used.tolist()):
        value = column.dictionary[code]
        found = index.get(value)
        if found is None and known is not None:
            found = known.get(value)
            # The index may have grown since the dictionary was copied.
            found = found if found is not None and found < limit and dictionary[found] == value else None
        if not value:
            found = 0
        if found is None:
            found = len(dictionary)
            dictionary.append(value)
        index[value] = new[at] = found
    return new[codes.reshape(-1)]
