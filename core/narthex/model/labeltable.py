"""Many label sets at once, as dictionary-encoded columns: what storage selects and the engine computes with.

A column holds one int32 code a row and a dictionary of the distinct values; code 0 is the empty value, that is, an
absent label. Grouping, joining and filtering then work on integers, and text is touched once per distinct value rather
than once per series. Dictionaries are append-only and may be shared between tables: two columns with the *same*
dictionary object compare by code alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels

__all__ = ["Column", "LabelTable"]

Codes = NDArray[np.int32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Column:
    """One label of many series: ``dictionary[codes[i]]`` is the value of row ``i``; ``dictionary[0]`` is ``""``."""

    codes: Codes
    dictionary: Sequence[str]

    def values(self) -> list[str]:
        """The value of every row, as text."""
        dictionary = self.dictionary
        return [dictionary[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True)
class LabelTable:
    """``rows`` label sets; ``columns`` maps a label name to its column. A name without a column is absent."""

    rows: int
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, labels: Sequence[Mapping[str, str]]) -> LabelTable:
        """Encode label sets; the way in for tests, constants and values that functions computed."""
        names = sorted({name for one in labels for name in one})
        return cls(len(labels), {name: encode([one.get(name, "") for one in labels]) for name in names})

    def take(self, rows: Indices) -> LabelTable:
        """The given rows, in the given order."""
        columns = {name: Column(one.codes[rows], one.dictionary) for name, one in self.columns.items()}
        return LabelTable(len(rows), columns)

    def drop(self, names: Iterable[str]) -> LabelTable:
        """All rows without the labels ``names``."""
        dropped = set(names)
        if dropped.isdisjoint(self.columns):
            return self
        return LabelTable(self.rows, {name: one for name, one in self.columns.items() if name not in dropped})

    def keep(self, names: Iterable[str]) -> LabelTable:
        """All rows with the labels ``names`` only."""
        kept = set(names)
        return LabelTable(self.rows, {name: one for name, one in self.columns.items() if name in kept})

    def with_column(self, name: str, column: Column) -> LabelTable:
        """All rows with one label replaced or added."""
        return LabelTable(self.rows, {**self.columns, name: column})

    def group(self) -> tuple[Indices, Indices]:
        """Number equal label sets.

        Returns ``(ids, first)``: ``ids[i]`` is the group of row ``i`` (int64, 0 … groups-1, numbered by first
        appearance) and ``first[g]`` the first row of group ``g``.
        """
        key = np.zeros(self.rows, dtype=np.int64)
        groups = 1
        for column in self.columns.values():
            size = len(column.dictionary)
            if groups * size >= 1 << 62:  # renumber before the combined key could overflow 64 bits
                key, groups = _dense(key)
            key = key * size + column.codes
            groups *= size
        return _by_first_appearance(key)

    def labels(self, row: int) -> Labels:
        """The label set of one row."""
        return Labels({name: one.dictionary[one.codes[row]] for name, one in self.columns.items()})

    def all_labels(self) -> list[Labels]:
        """Every row's label set; for results that leave the columns."""
        decoded = {name: self.columns[name].values() for name in sorted(self.columns)}
        return [Labels({name: values[row] for name, values in decoded.items()}) for row in range(self.rows)]


def encode(values: Sequence[str]) -> Column:
    """Dictionary-encode one label's values."""
    index: dict[str, int] = {"": 0}
    codes = np.fromiter((index.setdefault(v, len(index)) for v in values), dtype=np.int32, count=len(values))
    return Column(codes, list(index))


def _dense(key: Indices) -> tuple[Indices, int]:
    distinct, dense = np.unique(key, return_inverse=True)
    return dense.astype(np.int64), len(distinct)


def _by_first_appearance(key: Indices) -> tuple[Indices, Indices]:
    if len(key) == 0:
        return key, key
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse], first[order]
