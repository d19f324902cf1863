"""From an open slab to a sealed file: drop empty columns, bring those of one metric together.

Queries ask for one metric of many targets, while a lane holds many metrics of one target. So columns are put in order
of metric, then series: what a query reads of a row lies together, and only the pages it needs are mapped. Rows stay
rows, written as small numbers (:mod:`.slabcodes`), so the file is read in place. Sealing works on chunks and needs a
fifth of the slab beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import MISSING_BITS
from narthex.storage.frames import NO_START, NO_TIME
from narthex_plugins.tsdb.container import ArrayFileWriter
from narthex_plugins.tsdb.points import Run
from narthex_plugins.tsdb.sealed import PackedSlab
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.slabcodes import CONSTANT, KINDS, RAW, WIDTHS, Encoder

__all__ = ["pack_slab", "write_packed", "write_points", "write_slab"]

Ints = NDArray[np.int64]
_Array = tuple[str, str, tuple[int, ...], Iterable[NDArray[Any]]]
"""Name, type and shape of an array, and the array in pieces of its C order."""

_COLUMNS = 2048
"""Columns looked at in one step: 2 MB at 120 rows."""


def write_slab(slab: Slab, table: SeriesTable, path: Path) -> bool:
    """Write a slab that gets no more rows; False, and no file, when it has no sample. Raises ``OSError``.

    Samples of series that the table does not know are left out.
    """
    arrays = _arrays(slab, table)
    if arrays is None:
        return False
    with ArrayFileWriter(path, _facts(slab)) as file:
        for one in arrays:
            file.add(*one)
    return True


def pack_slab(slab: Slab, table: SeriesTable) -> PackedSlab | None:
    """What :func:`write_slab` would write, in memory; None without a sample."""
    arrays = _arrays(slab, table)
    if arrays is None:
        return None
    packed = {
        name: np.concatenate([np.zeros(0, dtype), *(np.asarray(one, dtype).reshape(-1) for one in chunks)]).reshape(
            shape
        )
        for name, dtype, shape, chunks in arrays
    }
    return PackedSlab(_facts(slab), packed)


def write_packed(slab: PackedSlab, path: Path) -> None:
    """Write a slab that was packed in memory. Raises ``OSError``."""
    with ArrayFileWriter(path, slab.facts) as file:
        for name, array in slab.arrays.items():
            file.put(name, array.dtype.newbyteorder("<").str, array)


def _facts(slab: Slab) -> dict[str, Any]:
    return {
        "kind": "slab",
        "number": slab.number,
        "interval": slab.interval,
        "base": slab.base,
        "min_time": slab.min_time,
        "max_time": slab.max_time,
    }


def _arrays(slab: Slab, table: SeriesTable) -> Iterator[_Array] | None:
    """The arrays of a sealed slab, one after the other; None when it has no sample."""
    rows = slab.last_row + 1
    refs, columns, group = _survey(slab, table, rows)
    if not len(refs):
        return None
    order = np.argsort(table.metrics(refs), kind="stable")
    times = slab.times[:rows, : slab.lanes]
    encoder = Encoder()
    for chunk in _chunks(columns[order]):
        groups, cells = slab.cells(chunk, rows)
        encoder.add(cells, times[:, groups] != NO_TIME)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    kinds, places = encoder.kinds()[place], encoder.places()[place]
    index: list[tuple[str, str, NDArray[Any]]] = [
        ("times", "<i8", times),
        ("refs", "<i4", refs),
        ("group", "<i4", group),
        ("kind", "<u1", kinds),
        ("place", "<i4", places),
    ]
    return chain(
        ((name, dtype, array.shape, [array]) for name, dtype, array in index),
        _coded(encoder, slab.rows(columns[order[encoder.raw()]], rows), rows),
    )


def _coded(encoder: Encoder, raw: Iterator[NDArray[np.float64]], rows: int) -> Iterator[_Array]:
    for kind in filter(encoder.count, KINDS):
        dtype = f"<u{kind}" if kind in WIDTHS else "<f8"
        shape = 1 if kind == CONSTANT else rows, encoder.count(kind)
        yield f"codes.{kind}", dtype, shape, raw if kind == RAW else encoder.rows(kind)
        base, digits = encoder.scales(kind)
        yield f"base.{kind}", "<f8", base.shape, [base]
        yield f"digits.{kind}", "<u1", digits.shape, [digits]


def write_points(run: Run, number: int, path: Path) -> None:
    """Write sorted points. Raises ``OSError``."""
    facts = {"kind": "points", "number": number, "min_time": run.min_time, "max_time": run.max_time}
    with ArrayFileWriter(path, facts) as file:
        file.add("refs", "<i4", run.refs.shape, [run.refs])
        file.add("times", "<i8", run.times.shape, [run.times])
        file.add("values", "<f8", run.values.shape, [run.values])
        if run.starts is not None and (run.starts != NO_START).any():
            file.add("starts", "<i8", run.starts.shape, [run.starts])


def _survey(slab: Slab, table: SeriesTable, rows: int) -> tuple[Ints, Ints, Ints]:
    """Series (ascending), column and group of the columns that hold a sample."""
    refs = slab.references()
    refs = refs[table.has(refs)]
    columns, at = slab.locate(refs)
    if not rows or not len(columns):
        none = np.zeros(0, dtype=np.int64)
        return none, none, none
    looks = [_look(slab, chunk, rows) for chunk in _chunks(columns)]
    group, filled = (np.concatenate([one[i] for one in looks]) for i in range(2))
    kept = np.flatnonzero(filled)
    return refs[at[kept]], columns[kept], group[kept]


def _look(slab: Slab, columns: Ints, rows: int) -> tuple[Ints, Ints]:
    """For each column its group, and whether it holds a sample (0 or 1)."""
    group, cells = slab.cells(columns, rows)
    written = slab.times[:rows][:, group] != 0
    filled = ((cells.view(np.int64) != MISSING_BITS) & written).any(axis=0)
    return group, filled.astype(np.int64)


def _chunks(columns: Ints) -> Iterator[Ints]:
    for at in range(0, len(columns), _COLUMNS):
        yield columns[at : at + _COLUMNS]
