"""The ``index`` file of a block: table of contents, symbols, series, postings, label indices (versions 1 and 2).

Version 2 counts symbols and aligns series to 16 bytes, so that a reference is an offset divided by 16; version 1, of
the first releases, uses plain offsets for both. Newer Prometheus no longer writes label indices; where there are any
they are checked, since whatever is in the file should be whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.prometheus_blocks.section import MappedFile
from narthex_plugins.prometheus_blocks.series import SeriesBatch, SeriesReader
from narthex_plugins.prometheus_blocks.varints import uvarint

__all__ = ["Index"]

Ints = NDArray[np.int64]

_MAGIC = 0xBAAAD700
_TOC = struct.Struct(">6Q")
_TOC_SIZE = _TOC.size + 4


class Index:
    """An open index. Opening verifies the table of contents, the symbols and the table of postings.

    Raises ``StorageError``, naming the file and the offset.
    """

    def __init__(self, path: Path) -> None:
        file = self._file = MappedFile(path, _MAGIC, (1, 2))
        at = len(file) - _TOC_SIZE
        if at < 5:
            raise file.wrong(0, "too short for a table of contents")
        file.check(at, at + _TOC.size, "the table of contents")
        # Series and postings are found through the tables, and their own places are not needed.
        self._symbols_at, _, _, self._label_table_at, _, self._postings_table_at = _TOC.unpack(
            file.bytes(at, at + _TOC.size)
        )
        self.version = file.version
        self.symbols = self._read_symbols()
        self.postings_offsets = self._read_table(self._postings_table_at, 2, "the table of postings")
        """Where the postings of each pair of label name and value begin; ``("", "")`` are all series."""

    # --- series ------------------------------------------------------------------------------------------------------

    @cached_property
    def references(self) -> Ints:
        """References of all series, in order of their labels."""
        return self.postings("", "")

    def batches(self, references: Ints, most_chunks: int) -> Iterator[SeriesBatch]:
        """Labels and chunks of series, in the order given, some at a time: about as many as have so many chunks."""
        alignment = 16 if self.version > 1 else 1
        reader = SeriesReader(self._file, self.symbols)
        yield from reader.batches(references * alignment, references, most_chunks)

    # --- postings ----------------------------------------------------------------------------------------------------

    def postings(self, name: str, value: str) -> Ints:
        """References (ascending, int64) of the series that have this label."""
        at = self.postings_offsets.get((name, value))
        if at is None:
            return np.zeros(0, dtype=np.int64)
        start, end = self._file.section(at, f"the postings of {name}={value}")
        count = self._file.u32(start)
        if start + 4 + 4 * count != end:
            raise self._file.wrong(start, f"{count} postings in {end - start} bytes")
        return np.frombuffer(self._file.data, dtype=">u4", count=count, offset=start + 4).astype(np.int64)

    def label_values(self, name: str) -> list[str]:
        """All values of a label, sorted."""
        return sorted(value for one, value in self.postings_offsets if one == name)

    # --- checking ----------------------------------------------------------------------------------------------------

    def verify(self) -> None:
        """Compare every checksum of postings and label indices. Series are verified as they are read."""
        known = set(self.references.tolist())
        for name, value in self.postings_offsets:
            if not known.issuperset(self.postings(name, value).tolist()):
                at = self.postings_offsets[name, value]
                raise self._file.wrong(at, f"the postings of {name}={value} name a series that is not there")
        for (name,), at in self._read_table(self._label_table_at, 1, "the table of label indices").items():
            self._file.section(at, f"the label index of {name}")

    # --- inside ------------------------------------------------------------------------------------------------------

    def _read_symbols(self) -> Mapping[int, str]:
        """Symbols by what series refer to them with: their number, or in version 1 their offset."""
        if not self._symbols_at:
            return {}
        start, end = self._file.section(self._symbols_at, "the symbols")
        data, at = self._file.data, start + 4
        symbols: dict[int, str] = {}
        for number in range(self._file.u32(start)):
            key = number if self.version > 1 else at
            symbols[key], at = self._text(data, at, end)
        return symbols

    def _read_table(self, at: int, parts: int, what: str) -> dict[tuple[str, ...], int]:
        """Offsets by label name, or by name and value."""
        if not at:
            return {}
        start, end = self._file.section(at, what)
        data, at = self._file.data, start + 4
        table: dict[tuple[str, ...], int] = {}
        for _ in range(self._file.u32(start)):
            if at >= end or data[at] != parts:
                raise self._file.wrong(at, f"an entry of {what} does not hold {parts} texts")
            at += 1
            texts = []
            for _ in range(parts):
                text, at = self._text(data, at, end)
                texts.append(text)
            table[tuple(texts)], at = uvarint(data, at)
        return table

    def _text(self, data: NDArray[np.uint8], at: int, end: int) -> tuple[str, int]:
        try:
            length, start = uvarint(data, at)
            if start + length > end:
                raise ValueError("a text does not end")
            return self._file.bytes(start, start + length).decode(), start + length
        except ValueError as error:
            raise self._file.wrong(at, str(error)) from error
