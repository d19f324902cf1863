"""A file of a block, memory-mapped, and the parts that carry their length and checksum."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex_plugins.prometheus_blocks.crc import crc32c, crc32c_many

__all__ = ["MappedFile"]

Ints = NDArray[np.int64]
_U32 = struct.Struct(">I")


class MappedFile:
    """Bytes of one file. Numbers are big endian. Every complaint names the file and the offset."""

    def __init__(self, path: Path, magic: int, versions: tuple[int, ...]) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            raise StorageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        self.data: NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)
        if len(self.data) < 5 or self.u32(0) != magic:
            raise self.wrong(0, f"does not begin with {magic:#010x}")
        self.version = int(self.data[4])
        if self.version not in versions:
            raise self.wrong(4, f"version {self.version} is not known, only {', '.join(map(str, versions))}")

    def __len__(self) -> int:
        return len(self.data)

    def wrong(self, offset: int, what: str) -> StorageError:
        """The complaint, to be raised."""
        return StorageError(f"{self.path}: at byte {offset}: {what}")

    def u32(self, at: int) -> int:
        """Four bytes as a number."""
        if at + 4 > len(self.data):
            raise self.wrong(at, "the file ends too early")
        number: int = _U32.unpack_from(self._map, at)[0]
        return number

    def bytes(self, start: int, end: int) -> bytes:
        """A copy of some bytes."""
        return self._map[start:end]

    def check(self, start: int, end: int, what: str) -> None:
        """Compare the checksum that stands at ``end`` with that of the bytes before it, from ``start`` on."""
        if end + 4 > len(self.data) or start > end:
            raise self.wrong(start, f"{what} is longer than the file")
        if crc32c(self.data[start:end]) != self.u32(end):
            raise self.wrong(start, f"the checksum of {what} is wrong")

    def check_many(self, starts: Ints, lengths: Ints, what: str) -> None:
        """As :meth:`check`, for many parts at once."""
        ends = starts + lengths
        if len(ends) and (int(ends.max()) + 4 > len(self.data) or int(lengths.min()) < 0):
            raise self.wrong(int(starts[ends.argmax()]), f"{what} is longer than the file")
        expected = self.data[ends[:, None] + np.arange(4)].astype(np.uint32) @ np.array(
            [1 << 24, 1 << 16, 1 << 8, 1], dtype=np.uint32
        )
        wrong = np.flatnonzero(crc32c_many(self.data, starts, lengths) != expected)
        if len(wrong):
            raise self.wrong(int(starts[wrong[0]]), f"the checksum of {what} is wrong")

    def section(self, at: int, what: str) -> tuple[int, int]:
        """Where the content of a part lies that begins with its length (u32) and ends with its checksum."""
        start = at + 4
        end = start + self.u32(at)
        self.check(start, end, what)
        return start, end
