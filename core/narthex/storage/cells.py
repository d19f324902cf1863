"""Cells of a frame that are not lying about as a matrix: compressed pages that decode what is asked for, no more.

A frame's ``matrix`` may be a :class:`PackedCells` instead of an array. Its readers use four operations on it: rows
(``matrix[a:b]``), columns of all rows (``np.take(matrix, columns, axis=1)`` or ``matrix[:, columns]``), single cells
(``matrix[rows, columns]``) and its length. These give what the array would give, so nobody has to ask which of the
two there is, and a long range is decoded block by block, where the reader cuts it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PackedCells"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class PackedCells(ABC):
    """``shape[0]`` rows by ``shape[1]`` columns of float64 behind a code."""

    shape: tuple[int, int]
    by_row = False
    """Whether a single row costs no more than its share; otherwise cells are best decoded once for all rows."""
    dtype = np.dtype(np.float64)
    ndim = 2

    @abstractmethod
    def rows(self, low: int, high: int) -> PackedCells:
        """The same columns, cut to rows ``low`` <= r < ``high``; decodes nothing."""

    @abstractmethod
    def take(self, columns: Ints) -> Floats:
        """All rows of some columns, decoded: float64 ``[rows, len(columns)]``, row by row in memory."""

    def each(self, rows: Sequence[int], columns: Ints) -> Iterator[Floats]:
        """Some rows, one after the other: float64 ``[len(columns)]``, good until the next one is asked for.

        For a reader that wants rows here and there of many columns, and no matrix of all of them.
        """
        for row in rows:
            yield self.rows(row, row + 1).take(columns)[0]

    @abstractmethod
    def gather(self, rows: Ints, columns: Ints) -> Floats:
        """One cell for each of the two (broadcast together): float64 of that shape."""

    def __len__(self) -> int:
        """Number of rows."""
        return self.shape[0]

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> Floats:
        """Everything, decoded."""
        return self.take(np.arange(self.shape[1]))

    def __getitem__(self, key: Any) -> Any:
        """``[a:b]`` cuts rows; ``[rows, columns]`` decodes cells, where either may be a slice."""
        if isinstance(key, slice):
            low, high, _ = key.indices(len(self))
            return self.rows(low, max(low, high))
        rows, columns = key
        if isinstance(columns, slice):
            columns = np.arange(self.shape[1])[columns]
        if isinstance(rows, slice):
            low, high, _ = rows.indices(len(self))
            wanted = np.atleast_1d(np.asarray(columns))
            found = self.rows(low, max(low, high)).take(wanted)
            return found[:, 0] if np.ndim(columns) == 0 else found
        return self.gather(np.asarray(rows), np.asarray(columns))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """``np.take`` of columns; any other function of numpy gets the decoded array."""
        if function is np.take and args and args[0] is self:
            return _take(*args, **kwargs)
        decoded = tuple(np.asarray(one) if isinstance(one, PackedCells) else one for one in args)
        return function(*decoded, **kwargs)


def _take(  # mode: numpy hands it over, and every index is in range here
    cells: PackedCells,
    indices: Ints,
    axis: int = 1,
    out: Floats | None = None,
    mode: str = "raise",  # noqa: ARG001 -- see above
) -> Floats:
    if axis != 1:
        raise TypeError("only columns of packed cells can be taken")
    return _into(cells.take(np.asarray(indices)), out)


def _into(found: Floats, out: Floats | None) -> Floats:
    if out is None:
        return found
    out.view(np.int64)[...] = found.view(np.int64)  # as integers: payloads of NaN stay as they are
    return out
