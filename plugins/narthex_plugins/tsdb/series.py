"""The series table: every label set of the database as dictionary-encoded columns.

A series is a reference, a row number from 0 upwards. For each label name there is an append-only dictionary of values
and an int32 array of codes over all references, 0 where the label is absent. An array costs memory only where pages of
it were written, so a label that only some jobs use is cheap, although the array spans all references.

One thread (the event loop) registers; any number read at the same time. That works without locks because arrays are
replaced rather than resized, a value stands in its dictionary before its code stands in an array, and ``count`` is
moved last: a reader takes ``count`` first and never looks beyond it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from narthex.model.labels import Labels
from narthex.model.labeltable import Column, LabelTable
from narthex_plugins.tsdb.hashindex import HashIndex
from narthex_plugins.tsdb.labelcolumn import LabelColumn
from narthex_plugins.tsdb.memory import grown

__all__ = ["METRIC", "NewSeries", "SeriesTable"]

METRIC = "__name__"

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

_FIRST = 1 << 10


@dataclass(frozen=True, slots=True)
class NewSeries:
    """Series with their labels, complete in themselves: what the journal gets.

    ``values`` holds by label name the values in use; ``codes``, int32 ``[names, series]``, count them from 1, and 0
    means that the label is absent.
    """

    values: Mapping[str, Sequence[str]]
    names: Sequence[str]
    refs: Ints
    codes: Codes


class SeriesTable:
    """All label sets, found by identity, by matcher (:mod:`.matching`), or by reference."""

    def __init__(self) -> None:
        self.count = 0
        """References in use are below this; some of them may be free."""
        self.columns: dict[str, LabelColumn] = {}
        self.sizes: NDArray[np.int16] = np.zeros(_FIRST, dtype=np.int16)
        """By reference: number of labels + 1; 0 marks a reference without a series."""
        self.live = 0
        self.generation = 0
        """Grows whenever series have come or gone."""
        self._capacity = _FIRST
        self._index = HashIndex()
        self._free: Ints = np.zeros(0, dtype=np.int64)
        self._cooling: Ints = np.zeros(0, dtype=np.int64)
        self._shapes: set[bytes] = set()
        self.journal: Callable[[NewSeries], None] = lambda _: None
        """Told about every registration that added series."""

    # --- in ----------------------------------------------------------------------------------------------------------

    def register(self, labels: Sequence[Labels]) -> Ints:
        """The reference of each label set, in order."""
        return self._enter(self._encode(labels), len(labels))

    def register_table(self, table: LabelTable) -> Ints:
        """The reference of each row's label set. All values of the dictionaries are taken over, in use or not."""
        codes = {}
        for name, one in table.columns.items():
            column = self._column(name)
            codes[name] = np.array([column.code(value) for value in one.dictionary], dtype=np.int32)[one.codes]
        return self._enter(codes, table.rows)

    def _enter(self, codes: Mapping[str, Codes], count: int) -> Ints:
        hashes = self._hash(codes, count)
        sizes = _sizes(codes, count)
        refs = np.full(count, -1, dtype=np.int64)
        rows = np.arange(count)
        while len(rows):  # a second time only for label sets that come twice in a batch
            found = self._index.find(hashes[rows], self._comparison(codes, sizes, rows))
            refs[rows] = found
            rows = rows[found < 0]
            _, first = np.unique(hashes[rows], return_index=True)
            new = rows[np.sort(first)]
            if len(new):
                taken = self._allocate(len(new))
                self._store({name: one[new] for name, one in codes.items()}, taken, sizes[new])
                self._index.add(hashes[new], taken)
                self.journal(self.snapshot(taken, codes))
                refs[new] = taken
                rows = rows[refs[rows] < 0]
        return refs

    def load(self, new: NewSeries) -> None:
        """Take what a journal says, at the references it says. Call :meth:`index` when all is loaded.

        A reference that is known already was given to another series since.
        """
        if not len(new.refs):
            return
        self._reserve(int(new.refs.max()) + 1)
        self._clear(new.refs[self.sizes[new.refs] > 0])
        codes = {}
        for name, own in zip(new.names, new.codes, strict=True):
            column = self._column(name)
            codes[name] = np.array([0, *(column.code(value) for value in new.values[name])], dtype=np.int32)[own]
        self._store(codes, new.refs, _sizes(codes, len(new.refs)))

    def index(self, reserved: Ints) -> None:
        """Make everything loaded findable, and let the free references be used again, but not those ``reserved``."""
        if len(reserved):
            self._reserve(int(reserved.max()) + 1)
            self.count = max(self.count, int(reserved.max()) + 1)
        live = self.references()
        codes = {name: one.codes[live] for name, one in self.columns.items()}
        self._index = HashIndex()
        self._index.add(self._hash(codes, len(live)), live)
        taken = np.zeros(self.count, dtype=np.bool_)
        taken[live] = True
        taken[reserved] = True
        self._free = np.flatnonzero(~taken)

    def forget(self, refs: Ints) -> None:
        """Drop series. Their references are given out again after the next call, when no reader has them any more."""
        self._clear(refs)
        self._index.remove(refs)
        self._free = np.concatenate([self._free, self._cooling])
        self._cooling = refs
        for name, column in list(self.columns.items()):
            tight = column.tightened()
            if tight is not None:
                self.columns[name] = tight
                self._shapes = set()

    # --- out ---------------------------------------------------------------------------------------------------------

    def references(self) -> Ints:
        """All references that have a series, ascending."""
        return np.flatnonzero(self.sizes[: self.count])

    def table(self, refs: Ints) -> LabelTable:
        """The label sets of these series (ascending). Dictionaries are shared, empty columns left out."""
        columns = {}
        for name in self._names_of(refs):
            column = self.columns[name]
            codes = column.at(refs)
            if codes.any():
                columns[name] = Column(codes, column.values)
        return LabelTable(len(refs), columns)

    def has(self, refs: Ints) -> NDArray[np.bool_]:
        """Which references have a series."""
        known = refs < self.count
        known[known] = self.sizes[refs[known]] > 0
        return known

    def hashes(self, refs: Ints) -> NDArray[np.uint64]:
        """The hash of each series' labels, as blocks have it."""
        return self._index.hashes(refs)

    def find(self, hashes: NDArray[np.uint64]) -> Ints:
        """The reference of the series with each hash, or -1."""
        return self._index.find(hashes, lambda refs, _: np.ones(len(refs), dtype=np.bool_))

    def metrics(self, refs: Ints) -> Codes:
        """The code of each series' metric name."""
        column = self.columns.get(METRIC)
        return column.codes[refs] if column is not None else np.zeros(len(refs), dtype=np.int32)

    def snapshot(self, keep: Ints, names: Iterable[str] | None = None) -> NewSeries:
        """The given series with dictionaries that hold only their values. ``names`` are the labels they may have."""
        values: dict[str, Sequence[str]] = {}
        rows = []
        for name in sorted(self.columns if names is None else names):
            column = self.columns[name]
            used, codes = np.unique(column.codes[keep], return_inverse=True)
            if not used.any():
                continue
            if used[0]:  # no series lacks this label; code 0 still means absent
                codes = codes + 1
            values[name] = [column.values[code] for code in used.tolist() if code]
            rows.append(codes.astype(np.int32))
        return NewSeries(values, list(values), keep, np.array(rows, dtype=np.int32).reshape(len(values), len(keep)))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _names_of(self, refs: Ints) -> list[str]:
        column = self.columns.get(METRIC)
        if column is None or len(refs) == 0:
            return list(self.columns) if len(refs) else []
        # 200,000 codes: flagging takes 0.1 ms where np.unique takes 3 ms
        codes = column.at(refs)
        flags = np.zeros(len(column.values), dtype=np.bool_)
        flags[codes] = True
        return sorted(set().union(*(column.label_names.get(code, ()) for code in np.flatnonzero(flags).tolist())))

    def _column(self, name: str) -> LabelColumn:
        column = self.columns.get(name)
        if column is None:
            column = self.columns[name] = LabelColumn(name, self._capacity)
        return column

    def _encode(self, labels: Sequence[Labels]) -> dict[str, Codes]:
        # The one loop over every label of every new series: 0.1 us a label, dictionaries bound to locals by name.
        size = len(labels)
        open_columns: dict[str, tuple[LabelColumn, dict[str, int], list[int]]] = {}
        for row, one in enumerate(labels):
            for name, value in one.as_dict().items():
                entry = open_columns.get(name)
                if entry is None:
                    column = self._column(name)
                    entry = open_columns[name] = (column, column.index, [0] * size)
                code = entry[1].get(value)
                entry[2][row] = entry[0].code(value) if code is None else code
        return {name: np.array(codes, dtype=np.int32) for name, (_, _, codes) in open_columns.items()}

    def _hash(self, codes: Mapping[str, Codes], size: int) -> NDArray[np.uint64]:
        """The hashes by which series are known in blocks, too (:mod:`.blocks.hashing`)."""
        total = np.zeros(size, dtype=np.uint64)
        for name, one in codes.items():
            total += self.columns[name].hashes[one]
        return total

    def _comparison(
        self, codes: Mapping[str, Codes], sizes: NDArray[np.int16], rows: Ints
    ) -> Callable[[Ints, Ints], NDArray[np.bool_]]:
        """Whether stored series equal rows of the batch: as many labels, and the same code for each of the batch's."""

        def same(refs: Ints, at: Ints) -> NDArray[np.bool_]:
            at = rows[at]
            equal: NDArray[np.bool_] = self.sizes[refs] == sizes[at]
            for name, one in codes.items():
                equal &= self.columns[name].codes[refs] == one[at]
            return equal

        return same

    def _allocate(self, size: int) -> Ints:
        reused, self._free = self._free[:size], self._free[size:]
        fresh = size - len(reused)
        self._reserve(self.count + fresh)
        return np.concatenate([reused, np.arange(self.count, self.count + fresh)])

    def _reserve(self, count: int) -> None:
        if count <= self._capacity:
            return
        self.sizes = grown(self.sizes, count, self.count)
        self._capacity = len(self.sizes)
        for column in self.columns.values():
            column.codes = grown(column.codes, self._capacity, self.count)

    def _clear(self, refs: Ints) -> None:
        """Take series out of everything but the index."""
        if not len(refs):
            return
        self.sizes[refs] = 0
        self.live -= len(refs)
        metrics = self._column(METRIC)
        gone = BitMap(array("I", refs.astype(np.uint32).tobytes()))
        for code in np.unique(metrics.codes[refs]).tolist():
            left = metrics.postings[code] - gone
            if left:
                metrics.postings[code] = left
            else:
                del metrics.postings[code]
        for column in self.columns.values():
            column.codes[refs] = 0
        self.generation += 1

    def _store(self, codes: Mapping[str, Codes], refs: Ints, sizes: NDArray[np.int16]) -> None:
        for name, one in codes.items():
            self.columns[name].codes[refs] = one
        self._post(codes, refs)
        self.sizes[refs] = sizes
        self.live += len(refs)
        self.count = max(self.count, int(refs.max(initial=-1)) + 1)
        self.generation += 1

    def _post(self, codes: Mapping[str, Codes], refs: Ints) -> None:
        """Enter new series into the postings of their metric names, and note which labels each metric has."""
        metric = codes.get(METRIC)
        if metric is None:
            metric = np.zeros(len(refs), dtype=np.int32)
        postings = self._column(METRIC).postings
        order = np.argsort(metric, kind="stable")
        grouped, starts = np.unique(metric[order], return_index=True)
        runs = np.split(refs[order], starts[1:])
        for code, run in zip(grouped.tolist(), runs, strict=True):
            # pyroaring builds from array.array ten times faster than from an ndarray
            members = BitMap(array("I", run.astype(np.uint32).tobytes()))
            known = postings.get(code)
            if known is None:
                postings[code] = members
            else:
                known |= members
        self._note_names(metric, codes)

    def _note_names(self, metric: Codes, codes: Mapping[str, Codes]) -> None:
        names = list(codes)
        by_metric = self._column(METRIC).label_names
        present = np.array([codes[name] for name in names]).reshape(len(names), len(metric)) != 0
        shape = np.concatenate(
            [metric.reshape(1, -1).view(np.uint8).reshape(-1, 4), np.packbits(present, axis=0).T], axis=1
        )
        prefix = "\0".join(names).encode()
        _, first = np.unique(np.ascontiguousarray(shape).view(f"V{shape.shape[1]}"), return_index=True)
        for row in first.tolist():
            key = prefix + shape[row].tobytes()
            if key not in self._shapes:
                # copied, not changed: a reader may be going through the old set
                known = by_metric.get(int(metric[row]), set())
                by_metric[int(metric[row])] = known.union(n for n, p in zip(names, present[:, row], strict=True) if p)
                self._shapes.add(key)


def _sizes(codes: Mapping[str, Codes], size: int) -> NDArray[np.int16]:
    total = np.ones(size, dtype=np.int16)
    for one in codes.values():
        total += one != 0
    return total
