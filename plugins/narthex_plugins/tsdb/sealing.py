"""From an open slab to a sealed file: sort columns by series, store constant ones once, drop empty ones.

Values are turned from rows to columns here, so that each series is one run of bytes: a query for one series touches one
page of a file, and per-series compression can later take the place of the raw values without moving anything else.
All steps work on chunks of columns, so sealing needs a few megabytes beside the slab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING_BITS
from narthex_plugins.tsdb.container import ArrayFileWriter
from narthex_plugins.tsdb.points import Run
from narthex_plugins.tsdb.slab import Slab

__all__ = ["write_points", "write_slab"]

Ints = NDArray[np.int64]

_COLUMNS = 2048
"""Columns in one chunk: 2 MB at 120 rows."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a slab that hold samples, sorted by series. ``constant`` marks those with one value only."""

    refs: Ints
    columns: Ints
    group: Ints
    constant: NDArray[np.bool_]
    first: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_] | Ints) -> _Columns:
        return _Columns(self.refs[keep], self.columns[keep], self.group[keep], self.constant[keep], self.first[keep])


def write_slab(slab: Slab, path: Path, live: NDArray[np.bool_] | None = None) -> bool:
    """Write a slab that gets no more rows; False, and no file, when it has no sample. Raises ``OSError``.

    ``live`` (bool, by reference) restricts it to series that are known.
    """
    rows = slab.last_row + 1
    columns = _survey(slab, rows, live) if rows else None
    if columns is None or not len(columns.refs):
        return False
    varying, constant = columns.where(~columns.constant), columns.where(columns.constant)
    facts = {
        "kind": "slab",
        "number": slab.number,
        "interval": slab.interval,
        "base": slab.base,
        "min_time": slab.min_time,
        "max_time": slab.max_time,
    }
    with ArrayFileWriter(path, facts) as file:
        file.add("times", "<i8", (rows, slab.lanes), [slab.times[:rows, : slab.lanes]])
        for name, part in (("varying", varying), ("constant", constant)):
            file.add(f"{name}.refs", "<i4", part.refs.shape, [part.refs])
            file.add(f"{name}.group", "<i4", part.group.shape, [part.group])
        file.add("varying.values", "<f8", (len(varying.refs), rows), _runs(slab, varying.columns, rows))
        file.add("constant.values", "<f8", constant.first.shape, [constant.first])
    return True


def write_points(run: Run, number: int, path: Path) -> None:
    """Write sorted points. Raises ``OSError``."""
    facts = {"kind": "points", "number": number, "min_time": run.min_time, "max_time": run.max_time}
    with ArrayFileWriter(path, facts) as file:
        file.add("refs", "<i4", run.refs.shape, [run.refs])
        file.add("times", "<i8", run.times.shape, [run.times])
        file.add("values", "<f8", run.values.shape, [run.values])


def _survey(slab: Slab, rows: int, live: NDArray[np.bool_] | None) -> _Columns:
    refs = slab.references()
    if live is not None:
        refs = refs[refs < len(live)]
        refs = refs[live[refs]]
    columns, at = slab.locate(refs)
    found = [_look(slab, chunk, rows) for chunk in _chunks(columns)]
    group, state, first = (np.concatenate([one[i] for one in found]) if found else np.zeros(0) for i in range(3))
    order = np.argsort(refs[at], kind="stable")
    all_columns = _Columns(refs[at], columns, group.astype(np.int64), np.asarray(state == _CONSTANT), first)
    return all_columns.where(order[state[order] != _EMPTY])


_EMPTY, _CONSTANT, _VARYING = 0, 1, 2


def _look(slab: Slab, columns: Ints, rows: int) -> tuple[Ints, NDArray[np.int8], NDArray[np.float64]]:
    """For each column its group, what it holds, and the value of its first row."""
    group, cells = slab.cells(columns, rows)
    written = slab.times[:rows][:, group] != 0
    bits = cells.view(np.int64)
    top = written.argmax(axis=0), np.arange(len(columns))
    constant = ((bits == bits[top]) | ~written).all(axis=0)
    empty = (constant & (bits[top] == MISSING_BITS)) | ~written.any(axis=0)
    state = np.where(empty, _EMPTY, np.where(constant, _CONSTANT, _VARYING)).astype(np.int8)
    return group, state, cells[top]


def _runs(slab: Slab, columns: Ints, rows: int) -> Iterator[NDArray[np.float64]]:
    for chunk in _chunks(columns):
        yield slab.cells(chunk, rows)[1].T


def _chunks(columns: Ints) -> Iterator[Ints]:
    for at in range(0, len(columns), _COLUMNS):
        yield columns[at : at + _COLUMNS]
