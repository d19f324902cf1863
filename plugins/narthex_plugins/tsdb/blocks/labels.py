"""The labels of a block's series: a dictionary for each label name, the codes of the series, and postings.

Values stand in order of their UTF-8 bytes, so one is found by bisection in the mapped file. The code of a series is
its value's place, counted from 1; 0 means that it lacks the label. Labels that few series have are stored as pairs of
series and code. The postings of a value are the series that have it, a serialised roaring bitmap.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from narthex.model.labeltable import Column, LabelTable
from narthex_plugins.tsdb.blocks.hashing import set_hashes
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter

__all__ = ["BlockLabel", "order_of", "read_labels", "write_labels"]

Ints = NDArray[np.int64]

_METRIC = "__name__"
_SPARSE = 8
"""A label that fewer than one in so many series have is stored sparsely."""


def order_of(table: LabelTable) -> tuple[Ints, LabelTable]:
    """The order of series in a block, by metric, then by the other labels; and the table in that order.

    In the table that comes back dictionaries hold the values in use only, sorted by their UTF-8 bytes.
    """
    columns = {name: _sorted(column) for name, column in sorted(table.columns.items()) if column.codes.any()}
    keys = [column.codes for name, column in columns.items() if name != _METRIC][::-1]
    if _METRIC in columns:
        keys.append(columns[_METRIC].codes)
    order = np.lexsort(keys).astype(np.int64) if keys else np.arange(table.rows)
    return order, LabelTable(table.rows, columns).take(order)


def _sorted(column: Column) -> Column:
    used, codes = np.unique(column.codes, return_inverse=True)
    values = [column.dictionary[code] for code in used.tolist()]
    if values[0]:  # every series has this label
        values, codes = ["", *values], codes + 1
    rank = sorted(range(len(values)), key=lambda one: values[one].encode(errors="surrogatepass"))
    place = np.empty(len(rank), dtype=np.int32)
    place[rank] = np.arange(len(rank), dtype=np.int32)
    return Column(place[codes.reshape(-1)], [values[one] for one in rank])


def write_labels(file: ArrayFileWriter, table: LabelTable) -> None:
    """Write a table that :func:`order_of` has sorted."""
    file.facts["series"] = table.rows
    file.facts["labels"] = list(table.columns)
    file.put("hash", "<u8", set_hashes(table))
    for number, column in enumerate(table.columns.values()):
        _write_label(file, f"label.{number}", column, table.rows)


def _write_label(file: ArrayFileWriter, prefix: str, column: Column, rows: int) -> None:
    texts = [value.encode(errors="surrogatepass") for value in column.dictionary[1:]]
    file.begin()
    file.write(b"".join(texts))
    file.end(f"{prefix}.text")
    file.put(f"{prefix}.ends", "<u8", np.array([0, *accumulate(map(len, texts))], dtype=np.uint64))
    present = np.flatnonzero(column.codes)
    dtype = next(one for one in ("<u1", "<u2", "<u4") if len(texts) <= np.iinfo(one).max)
    if len(present) * _SPARSE < rows:
        file.put(f"{prefix}.rows", "<u4", present)
        file.put(f"{prefix}.codes", dtype, column.codes[present])
    else:
        file.put(f"{prefix}.codes", dtype, column.codes)
    _write_postings(file, prefix, column.codes[present], present, len(texts))


def _write_postings(file: ArrayFileWriter, prefix: str, codes: NDArray[np.int32], rows: Ints, values: int) -> None:
    order = np.argsort(codes, kind="stable")
    sorted_rows = rows[order].astype(np.uint32)
    bounds = np.searchsorted(codes[order], np.arange(1, values + 2)).tolist()
    starts = [0]
    file.begin()
    for low, high in pairwise(bounds):
        members = BitMap(array("I", sorted_rows[low:high].tobytes()))
        members.run_optimize()
        data = members.serialize()
        file.write(data)
        starts.append(starts[-1] + len(data))
    file.end(f"{prefix}.postings")
    file.put(f"{prefix}.starts", "<u8", np.array(starts, dtype=np.uint64))


def read_labels(file: ArrayFile) -> dict[str, BlockLabel]:
    """The labels of an open block, by name."""
    return {name: BlockLabel(file, f"label.{number}", name) for number, name in enumerate(file.facts["labels"])}


class BlockLabel:
    """One label of a block. Nothing of it is kept in memory but views of the map."""

    def __init__(self, file: ArrayFile, prefix: str, name: str) -> None:
        self.name = name
        self.rows: int = file.facts["series"]
        self._text = file.bytes(f"{prefix}.text")
        self._ends: NDArray[np.uint64] = file.array(f"{prefix}.ends")
        self._codes: NDArray[np.unsignedinteger] = file.array(f"{prefix}.codes")
        sparse = f"{prefix}.rows" in file.facts["arrays"]
        self._sparse: NDArray[np.uint32] | None = file.array(f"{prefix}.rows") if sparse else None
        self._postings = file.bytes(f"{prefix}.postings")
        self._starts: NDArray[np.uint64] = file.array(f"{prefix}.starts")

    @property
    def size(self) -> int:
        """Number of values; codes are 1 … size."""
        return len(self._ends) - 1

    def value(self, code: int) -> str:
        """The value of a code."""
        return self._bytes(code).decode(errors="surrogatepass") if code else ""

    def values(self, codes: Sequence[int]) -> list[str]:
        """The values of some codes."""
        return [self.value(code) for code in codes]

    def find(self, value: str) -> int:
        """The code of a value; 0 when no series has it."""
        wanted = value.encode(errors="surrogatepass")
        code = bisect_left(range(1, self.size + 1), wanted, key=self._bytes) + 1
        return code if code <= self.size and self._bytes(code) == wanted else 0

    def codes(self, series: Ints) -> NDArray[np.int32]:
        """The codes of some series."""
        if self._sparse is None:
            return self._codes[series].astype(np.int32)
        found = np.zeros(len(series), dtype=np.int32)
        if len(self._sparse):
            at = np.minimum(np.searchsorted(self._sparse, series.astype(np.uint32)), len(self._sparse) - 1)
            hit = self._sparse[at] == series
            found[hit] = self._codes[at[hit]]
        return found

    def postings(self, code: int) -> BitMap:
        """The series that have the value."""
        return BitMap.deserialize(bytes(self._postings[int(self._starts[code - 1]) : int(self._starts[code])]))

    def column(self, series: Ints) -> Column | None:
        """The label of some series as a column with a dictionary of its own; None when none of them has it."""
        used, codes = np.unique(self.codes(series), return_inverse=True)
        if not used.any():
            return None
        values = self.values(used.tolist())
        if used[0]:
            values, codes = ["", *values], codes + 1
        return Column(codes.reshape(-1).astype(np.int32), values)

    def _bytes(self, code: int) -> bytes:
        return bytes(self._text[int(self._ends[code - 1]) : int(self._ends[code])])
