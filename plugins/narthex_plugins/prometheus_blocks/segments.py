"""The chunk segment files ``chunks/000001`` … of a block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex_plugins.prometheus_blocks.section import MappedFile
from narthex_plugins.prometheus_blocks.varints import uvarints_at

__all__ = ["RawChunks", "Segments"]

Ints = NDArray[np.int64]

_MAGIC = 0x85BD40DD
_OFFSET = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class RawChunks:
    """Chunks as they stand in the files, verified: encodings (uint8) and data, in the order asked for."""

    encodings: NDArray[np.uint8]
    data: list[bytes]


class Segments:
    """All segment files of a block; opened when a chunk of theirs is asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[int, MappedFile] = {}

    def read(self, places: Ints) -> RawChunks:
        """The chunks at these places. Raises ``StorageError`` for a wrong checksum, naming file and offset."""
        encodings = np.zeros(len(places), dtype=np.uint8)
        data: list[bytes] = [b""] * len(places)
        for number in np.unique(places >> 32).tolist():
            at = np.flatnonzero(places >> 32 == number)
            self._read(self._file(number), places[at] & _OFFSET, at.tolist(), encodings, data)
        return RawChunks(encodings, data)

    def complain(self, place: int, what: str) -> StorageError:
        """The complaint about a chunk, to be raised."""
        return self._file(place >> 32).wrong(place & _OFFSET, what)

    @staticmethod
    def _read(file: MappedFile, offsets: Ints, at: list[int], encodings: NDArray[np.uint8], data: list[bytes]) -> None:
        try:
            lengths, starts = uvarints_at(file.data, offsets)
        except ValueError as error:
            raise file.wrong(int(offsets.max()), f"among the chunks up to here, {error}") from error
        file.check_many(starts, lengths + 1, "a chunk")  # of the encoding and the data
        encodings[at] = file.data[starts]
        for row, start, end in zip(at, (starts + 1).tolist(), (starts + 1 + lengths).tolist(), strict=True):
            data[row] = file.bytes(start, end)

    def _file(self, number: int) -> MappedFile:
        file = self._files.get(number)
        if file is None:  # the first segment has number 0 in places and 000001 as its name
            path = self._directory / f"{number + 1:06d}"
            file = self._files[number] = MappedFile(path, _MAGIC, (1,))
        return file
