"""Pages: runs of 8-byte numbers of one series, compressed with pcodec, each with a checksum of its own.

A page of equal numbers, which most series have most of the time, takes no payload: its directory entry holds the
number. Everything else is compressed for itself, never together with other series: mixing them makes files three
times as large. A directory has three numbers for each page: ``word`` (where the payload starts, or the bits of the
number), ``size`` (bytes of the payload, 0 for a constant page) and ``crc`` of the payload.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from isal.isal_zlib import crc32
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

from narthex.errors import StorageError
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter

__all__ = ["PAGE_ROWS", "PageReader", "PageWriter", "Pages", "page_rows"]

Ints = NDArray[np.int64]

Pages = Sequence[int | bytes | memoryview]
"""Encoded pages: payloads, or the bits of constant ones."""

PAGE_ROWS = 1024
"""Most rows in a page, unless a writer makes pages of its own: what a reader of one moment has to decode."""

# Level 4 takes two thirds of the time of the default, 8, for the same bytes within half a per cent (pages of 480).
_CONFIG = ChunkConfig(compression_level=4)


def page_rows(rows: int, most: int = PAGE_ROWS) -> list[int]:
    """The lengths of the pages that so many rows make: as few as possible, as equal as possible."""
    pages = -(-rows // most)
    return [rows * (one + 1) // pages - rows * one // pages for one in range(pages)]


class PageWriter:
    """Appends payloads to the array that the file has begun; the directory is written at the end."""

    def __init__(self, file: ArrayFileWriter) -> None:
        self._file = file
        self._words = array("Q")
        self._sizes = array("I")
        self._checks = array("I")

    def __len__(self) -> int:
        """Pages so far."""
        return len(self._words)

    def put(self, numbers: NDArray[Any]) -> None:
        """A page of float64 or int64 numbers, at least one, side by side in memory."""
        bits = numbers.view(np.uint64)
        if (bits == bits[0]).all():
            self.constant(int(bits[0]))
        else:
            self.payload(standalone.simple_compress(numbers, _CONFIG))

    def constant(self, bits: int) -> None:
        """A page whose numbers all have these bits."""
        self._words.append(bits)
        self._sizes.append(0)
        self._checks.append(0)

    def payload(self, data: bytes | memoryview) -> None:
        """A page that is encoded already; not empty."""
        self._words.append(self._file.write(data))
        self._sizes.append(len(data))
        self._checks.append(crc32(data))

    def again(self, pages: Pages) -> None:
        """Pages that are encoded already."""
        for page in pages:
            if isinstance(page, int):
                self.constant(page)
            else:
                self.payload(page)

    def finish(self, name: str, order: Ints | None = None) -> None:
        """Write the directory, the pages in another order than they came in if one is given."""
        for part, dtype, numbers in (
            ("word", "<u8", self._words),
            ("size", "<u4", self._sizes),
            ("crc", "<u4", self._checks),
        ):
            column = np.frombuffer(numbers, dtype=f"u{numbers.itemsize}")
            self._file.put(f"{name}.{part}", dtype, column if order is None else column[order])


class PageReader:
    """Pages of an open file. What is damaged reads as ``filler``, and ``damaged`` is told."""

    def __init__(
        self, file: ArrayFile, name: str, payloads: memoryview, filler: int, damaged: Callable[[StorageError], None]
    ) -> None:
        self.word: NDArray[np.uint64] = file.array(f"{name}.word")
        self.size: NDArray[np.uint32] = file.array(f"{name}.size")
        self.crc: NDArray[np.uint32] = file.array(f"{name}.crc")
        self._payloads = payloads
        self._filler = filler
        self._damaged = damaged
        self._path, self._name = file.path, name

    def read(self, page: int, into: NDArray[Any]) -> bool:
        """Decode a page; ``into`` has its length and is contiguous. False when it is damaged."""
        size = int(self.size[page])
        word = int(self.word[page])
        if not size:
            into.view(np.uint64)[:] = word
            return True
        data = bytes(self._payloads[word : word + size])  # pcodec takes nothing else
        try:
            if len(data) != size or crc32(data) != self.crc[page]:
                raise StorageError(f"{self._page(page)} has a wrong checksum")
            progress = standalone.simple_decompress_into(data, into)
            if progress.n_processed != len(into) or not progress.finished:
                raise StorageError(f"{self._page(page)} has another length than its times")
        except (StorageError, RuntimeError) as error:
            into.view(np.uint64)[:] = self._filler
            self._damaged(error if isinstance(error, StorageError) else StorageError(f"{self._page(page)}: {error}"))
            return False
        return True

    def row(self, first: int, lengths: Sequence[int], into: NDArray[Any]) -> None:
        """Decode pages of these lengths, one behind the other."""
        at = 0
        for page, length in enumerate(lengths, first):
            self.read(page, into[at : at + length])
            at += length

    def encoded(self, low: int, high: int) -> list[int | bytes]:
        """Some pages as they are. Raises ``StorageError``."""
        sizes, words = self.size[low:high].tolist(), self.word[low:high].tolist()
        return [
            bytes(self.payload(page)) if size else word
            for page, size, word in zip(range(low, high), sizes, words, strict=True)
        ]

    def _page(self, page: int) -> str:
        return f"{self._path}: page {page} of {self._name}"

    def payload(self, page: int) -> memoryview:
        """The bytes of a page, checked; none for a constant one. Raises ``StorageError``."""
        size, word = int(self.size[page]), int(self.word[page])
        data = self._payloads[word : word + size] if size else self._payloads[:0]
        if len(data) != size or (size and crc32(data) != self.crc[page]):
            raise StorageError(f"{self._page(page)} has a wrong checksum")
        return data

    def check(self) -> None:
        """Compare all checksums. Raises ``StorageError``."""
        for page in np.flatnonzero(self.size).tolist():
            self.payload(page)
