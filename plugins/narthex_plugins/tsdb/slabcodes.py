"""How the columns of a sealed slab are written: as small whole numbers wherever that loses nothing.

Most columns of a few minutes hold one value, or counters and gauges with a few digits that do not move far. Such a
column is stored as offsets of one, two or four bytes from its smallest value, counted in units of 1, 0.1, 0.01 or
0.001; every value is checked to come back bit by bit, and a column where one does not is stored as it is. Offsets stand
row by row, so a row or a cell is read without decoding anything else, and a file takes a fifth to a tenth of the raw
cells. (Blocks, which are read column by column, compress better and dearer.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING_BITS, STALE_NAN_BITS
from narthex.storage.cells import PackedCells

__all__ = ["CONSTANT", "KINDS", "RAW", "WIDTHS", "ColumnCodes", "Encoder", "SlabCells"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONSTANT, RAW = 0, 8
KINDS = (CONSTANT, 1, 2, 4, RAW)
"""Kinds of columns: one value; offsets of so many bytes; float64 as they are."""

_WIDE, _FEW = 4, 64
"""A row is decoded as a whole when a quarter of its columns are wanted, and more than a few."""

_DIGITS = 3
WIDTHS = {size: (np.dtype(f"u{size}"), (1 << 8 * size) - 1) for size in (1, 2, 4)}
"""Type and largest code of each."""
_EXACT = float(1 << 53)
"""Whole numbers below this are exact in float64."""


@dataclass(slots=True)
class ColumnCodes:
    """Columns of one kind.

    ``codes`` is unsigned ``[rows, columns]`` for offsets, whose two largest codes mean ``MISSING`` and the staleness
    marker; float64 for raw columns; and ``[1, columns]`` for constant ones. A value is ``(base + code) / 10**digits``.
    """

    codes: NDArray[Any]
    base: Floats = field(default_factory=lambda: np.zeros(0))
    digits: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))


class Encoder:
    """Takes columns a few at a time, and hands their codes out by kind, row by row.

    Raw columns are not kept: who asks for them has them still.
    """

    def __init__(self) -> None:
        self._kinds: list[NDArray[np.uint8]] = []
        self._places: list[NDArray[np.int32]] = []
        self._codes: dict[int, list[NDArray[Any]]] = {kind: [] for kind in KINDS}
        self._bases: dict[int, list[Floats]] = {kind: [] for kind in KINDS}
        self._digits: dict[int, list[NDArray[np.uint8]]] = {kind: [] for kind in KINDS}
        self._counts = dict.fromkeys(KINDS, 0)

    def add(self, cells: Floats, written: Bools) -> None:
        """Columns float64 ``[rows, n]``; ``written`` (the same shape) tells which cells mean something."""
        bits = cells.view(np.int64)
        kinds = np.full(cells.shape[1], RAW, dtype=np.uint8)
        places = np.zeros(cells.shape[1], dtype=np.int32)
        first = bits[written.argmax(axis=0), np.arange(cells.shape[1])]
        constant = ((bits == first) | ~written).all(axis=0)
        kinds[constant] = CONSTANT
        self._keep(CONSTANT, np.flatnonzero(constant), first[None, constant].view(np.float64), places)
        loose = np.flatnonzero(~constant)
        if len(loose):
            self._whole(cells[:, loose], written[:, loose], loose, kinds, places)
        raw = np.flatnonzero(kinds == RAW)
        self._keep(RAW, raw, cells[:0, raw], places)
        self._kinds.append(kinds)
        self._places.append(places)

    def _whole(
        self, cells: Floats, written: Bools, at: Ints, kinds: NDArray[np.uint8], places: NDArray[np.int32]
    ) -> None:
        bits = cells.view(np.int64)
        missing, stale = bits == MISSING_BITS, bits == STALE_NAN_BITS
        known = written & ~missing & ~stale
        some = cells[known.argmax(axis=0), np.arange(cells.shape[1])]
        values = np.where(known, cells, some)
        whole, digits = _in_units(values)
        low, high = whole.min(axis=0), whole.max(axis=0)
        span = np.where(digits < 0, np.inf, high - low)
        width = np.full(len(span), RAW)
        for kind, (_, top) in reversed(WIDTHS.items()):
            width[span <= top - 2] = kind
        for kind, (dtype, top) in WIDTHS.items():
            chosen = np.flatnonzero(width == kind)
            if not len(chosen):
                continue
            codes = (whole[:, chosen] - low[chosen]).astype(dtype)
            codes[missing[:, chosen]] = top
            codes[stale[:, chosen]] = top - 1
            kinds[at[chosen]] = kind
            self._bases[kind].append(low[chosen])
            self._digits[kind].append(digits[chosen].astype(np.uint8))
            self._keep(kind, at[chosen], codes, places)

    def _keep(self, kind: int, at: Ints, codes: NDArray[Any], places: NDArray[np.int32]) -> None:
        places[at] = self._counts[kind] + np.arange(len(at))
        self._counts[kind] += len(at)
        if len(at):
            self._codes[kind].append(codes)

    def kinds(self) -> NDArray[np.uint8]:
        """The kind of each column."""
        return np.concatenate(self._kinds)

    def places(self) -> NDArray[np.int32]:
        """The place of each column among those of its kind."""
        return np.concatenate(self._places)

    def raw(self) -> Ints:
        """The raw columns, in order of their places."""
        return np.flatnonzero(self.kinds() == RAW)

    def count(self, kind: int) -> int:
        """Columns of a kind."""
        return self._counts[kind]

    def rows(self, kind: int) -> Iterator[NDArray[Any]]:
        """The codes of a kind, row by row; given out once, and no longer held then."""
        codes = self._codes.pop(kind)
        for row in range(len(codes[0]) if codes else 0):
            yield np.concatenate([one[row] for one in codes])

    def scales(self, kind: int) -> tuple[Floats, NDArray[np.uint8]]:
        """Base and digits of the columns of a kind."""
        if not self._bases[kind]:
            return np.zeros(0), np.zeros(0, dtype=np.uint8)
        return np.concatenate(self._bases[kind]), np.concatenate(self._digits[kind])


def _in_units(values: Floats) -> tuple[Floats, Ints]:
    """Values as whole numbers of the largest unit that loses nothing; and its digits, -1 for none."""
    whole = np.zeros(values.shape)
    digits = np.full(values.shape[1], -1, dtype=np.int64)
    left = np.arange(values.shape[1])
    for number in range(_DIGITS + 1):
        own = values[:, left]
        with np.errstate(over="ignore", invalid="ignore"):
            units = np.rint(own * 10.0**number)
            # + 0.0 turns -0.0, which is no whole number, into 0.0
            back = (units + 0.0) / 10.0**number
            good = ((back.view(np.int64) == own.view(np.int64)) & (np.abs(units) < _EXACT)).all(axis=0)
        whole[:, left[good]] = units[:, good]
        digits[left[good]] = number
        left = left[~good]
        if not len(left):
            break
    return whole, digits


class SlabCells(PackedCells):
    """The columns of a sealed slab, decoded cell by cell."""

    by_row = True

    def __init__(
        self,
        kinds: NDArray[np.uint8],
        places: NDArray[np.int32],
        columns: Mapping[int, ColumnCodes],
        bounds: tuple[int, int],
    ) -> None:
        """``bounds`` are the rows, end exclusive."""
        self._kinds = kinds
        self._places = places
        self._columns = columns
        self._low, self._high = bounds
        self.shape = (self._high - self._low, len(kinds))

    def rows(self, low: int, high: int) -> SlabCells:
        """The same columns, cut to some rows."""
        start = min(self._low + max(0, low), self._high)
        bounds = start, max(start, min(self._low + high, self._high))
        return SlabCells(self._kinds, self._places, self._columns, bounds)

    def take(self, columns: Ints) -> Floats:
        """All rows of some columns."""
        if len(columns) == 1:
            return self.column(int(columns[0]), 0, self.shape[0])[:, None]
        if len(columns) * _WIDE >= self.shape[1] and len(columns) > _FEW:
            return self._take_wide(columns)
        found = np.empty((self.shape[0], len(columns)))
        kinds, places = self._kinds[columns], self._places[columns]
        for kind, own in self._columns.items():
            at = np.flatnonzero(kinds == kind)
            if not len(at):
                continue
            codes = own.codes if kind == CONSTANT else own.codes[self._low : self._high]
            place = places[at]
            values = _values(kind, own, np.take(codes, place, axis=1), place)
            if len(at) == len(columns) and kind != CONSTANT:
                return values
            found.view(np.int64)[:, at] = values.view(np.int64)
        return found

    def column(self, column: int, low: int, high: int) -> Floats:
        """Rows ``low`` <= r < ``high`` of one column: a fifth of the array operations that :meth:`take` needs."""
        kind, place = int(self._kinds[column]), int(self._places[column])
        own = self._columns[kind]
        if kind == CONSTANT:
            return own.codes[0, place : place + 1].repeat(high - low)
        codes = own.codes[self._low + low : self._low + high, place]
        if kind == RAW:
            return np.array(codes)
        values = codes + own.base[place]
        if digits := int(own.digits[place]):
            values /= _POWERS[digits]
        top = WIDTHS[kind][1]
        if int(codes.max(initial=0)) >= top - 1:
            special = codes >= top - 1
            values.view(np.int64)[special] = np.where(codes[special] == top, MISSING_BITS, STALE_NAN_BITS)
        return np.asarray(values)

    def _take_wide(self, columns: Ints) -> Floats:
        """The same for a large part of the columns."""
        found = np.empty((self.shape[0], len(columns)))
        for row, values in zip(found, self.each(range(self.shape[0]), columns), strict=True):
            row[:] = values
        return found

    def each(self, rows: Sequence[int], columns: Ints) -> Iterator[Floats]:
        """Some rows of a large part of the columns: each is decoded as it lies, and then put in order.

        Decoding only what is wanted has to pick codes from memory and put values into it out of order, kind by kind;
        picking once from a row of values, which fits into a cache, takes a third of the time.
        """
        start, order = 0, np.zeros(len(columns), dtype=np.int64)
        runs: list[tuple[int, ColumnCodes, slice, Floats | None]] = []
        kinds, places = self._kinds[columns], self._places[columns]
        for kind, own in self._columns.items():
            at = kinds == kind
            order[at] = start + places[at]
            end = start + own.codes.shape[1]
            runs.append((kind, own, slice(start, end), _POWERS[own.digits] if own.digits.any() else None))
            start = end
        values, found = np.empty(start), np.empty(len(columns))
        for number, row in enumerate(rows):
            for kind, own, part, powers in runs:
                if kind == CONSTANT and number:
                    continue  # still there
                _decode(kind, own, 0 if kind == CONSTANT else self._low + row, powers, values[part])
            yield np.take(values, order, out=found, mode="clip")  # clip: no buffer between

    def gather(self, rows: Ints, columns: Ints) -> Floats:
        """One cell for each row and column."""
        rows, columns = np.broadcast_arrays(rows, columns)
        found = np.empty(rows.shape)
        kinds, places = self._kinds[columns], self._places[columns]
        for kind, own in self._columns.items():
            at = kinds == kind
            if not at.any():
                continue
            place = places[at]
            codes = own.codes[0, place] if kind == CONSTANT else own.codes[rows[at] + self._low, place]
            found.view(np.int64)[at] = _values(kind, own, codes, place).view(np.int64)
        return found


def _decode(kind: int, own: ColumnCodes, row: int, powers: Floats | None, into: Floats) -> None:
    """A row of all columns of a kind; ``powers`` are those of ten that their digits stand for, if there are any."""
    codes = own.codes[row]
    if kind in {CONSTANT, RAW}:
        into.view(np.int64)[:] = codes.view(np.int64)
        return
    np.add(codes, own.base, out=into)
    if powers is not None:
        np.divide(into, powers, out=into)
    top = WIDTHS[kind][1]
    special = np.flatnonzero(codes >= top - 1)
    if len(special):
        into.view(np.int64)[special] = np.where(codes[special] == top, MISSING_BITS, STALE_NAN_BITS)


def _values(kind: int, own: ColumnCodes, codes: NDArray[Any], place: NDArray[np.int32]) -> Floats:
    """Codes of some places as what they stand for; the last axes agree."""
    if kind in {CONSTANT, RAW}:
        raw: Floats = codes
        return raw
    values = codes + own.base[place]
    digits = own.digits[place]
    if digits.any():
        values /= _POWERS[digits]
    top = WIDTHS[kind][1]
    special = codes >= top - 1
    if special.any():
        bits = values.view(np.int64)
        bits[special] = np.where(codes[special] == top, MISSING_BITS, STALE_NAN_BITS)
    return values


_POWERS = np.array([10.0**number for number in range(_DIGITS + 1)])
