"""The format of sealed files and blocks: a fixed header, named arrays with a checksum each, and a directory at the end.

A file is written under a temporary name, synced and renamed, so that a file with its final name is whole. It is read
through a memory map: what no query touches takes no memory.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex_plugins.tsdb.durable import TEMPORARY, finish_file

__all__ = ["MAGIC", "VERSION", "ArrayFile", "ArrayFileWriter", "version_of"]

MAGIC = b"narthex\n"
VERSION = 3
_HEADER = struct.Struct("<8sIIQI")  # magic, version, length of the directory, its offset, its CRC-32
_CHECKSUM = struct.Struct("<I")  # CRC-32 of the header's bytes before it
_START = 64
_ALIGN = 64
_CHUNK = 1 << 22


class ArrayFileWriter:
    """Writes one file; leaving the ``with`` block without an error gives it its name. Raises ``OSError``.

    Arrays stand one behind the other; one may be written piece by piece (:meth:`begin`, :meth:`write`, :meth:`end`),
    none other meanwhile.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self.path = path
        self.facts = dict(facts)
        """Goes to the directory when the file is finished; may be changed until then."""
        self._temporary = path.with_name(path.name + TEMPORARY)
        self._arrays: dict[str, dict[str, Any]] = {}
        self._file: BinaryIO
        self._at = 0
        self._checksum = 0
        self._pending: list[bytes | memoryview] = []
        self._bytes = 0

    def __enter__(self) -> Self:
        self._file = self._temporary.open("wb", buffering=0)
        self._file.seek(_START)
        return self

    def add(self, name: str, dtype: str, shape: tuple[int, ...], chunks: Iterable[NDArray[Any]]) -> None:
        """Append an array given in pieces of its C order."""
        self.begin()
        for chunk in chunks:
            self.write(np.ascontiguousarray(chunk, dtype=dtype).reshape(-1).view(np.uint8).data)
            self._flush()  # what is written is the caller's
        self.end(name, dtype, shape)

    def put(self, name: str, dtype: str, array: NDArray[Any]) -> None:
        """Append a whole array."""
        self.add(name, dtype, array.shape, [array])

    def begin(self) -> None:
        """The next array starts here."""
        self._at = -(-self._file.tell() // _ALIGN) * _ALIGN
        self._file.seek(self._at)
        self._checksum = self._bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        """Append to the array that was begun; returns where in it the data starts. ``data`` must not change."""
        at = self._bytes
        self._pending.append(data)
        self._bytes += len(data)
        if len(self._pending) >= 1024:
            self._flush()
        return at

    def end(self, name: str, dtype: str = "|u1", shape: tuple[int, ...] | None = None) -> None:
        """The array that was begun is complete; without a shape it is a row of bytes."""
        self._flush()
        self._arrays[name] = {
            "dtype": dtype,
            "shape": (self._bytes,) if shape is None else shape,
            "offset": self._at,
            "size": self._bytes,
            "crc32": self._checksum,
        }

    def _flush(self) -> None:
        data = memoryview(self._pending[0] if len(self._pending) == 1 else b"".join(self._pending))
        self._pending.clear()
        self._checksum = crc32(data, self._checksum)
        done = 0
        while done < len(data):
            done += self._file.write(data[done:])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        end = self._file.tell()
        arrays = {"arrays": self._arrays}
        text = json.dumps({**self.facts, **arrays}, separators=(",", ":")).encode()
        self._pending.append(text)
        self._flush()
        header = _HEADER.pack(MAGIC, VERSION, len(text), end, crc32(text))
        os.pwrite(self._file.fileno(), header + _CHECKSUM.pack(crc32(header)), 0)
        finish_file(self._file, self._temporary, self.path)


def version_of(path: Path) -> int | None:
    """The format version that a file's header states; None for a file without a header that is whole.

    Whatever the version, a header has this form.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size + _CHECKSUM.size)
    except OSError:
        return None
    if len(head) < _HEADER.size + _CHECKSUM.size or not head.startswith(MAGIC):
        return None
    if _CHECKSUM.unpack_from(head, _HEADER.size)[0] != crc32(head[: _HEADER.size]):
        return None
    return int(_HEADER.unpack_from(head)[1])


class ArrayFile:
    """An open file: ``facts`` from its directory, and its arrays. Raises ``StorageError`` saying what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                self.facts = _directory(file, self.size, path)
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def array(self, name: str) -> NDArray[Any]:
        """One of the arrays, as a view of the map."""
        entry = self.facts["arrays"][name]
        count = int(np.prod(entry["shape"], dtype=np.int64))
        flat: NDArray[Any] = np.frombuffer(self._map, entry["dtype"], count, entry["offset"])
        return flat.reshape(entry["shape"])

    def bytes(self, name: str) -> memoryview:
        """The bytes of one of the arrays."""
        entry = self.facts["arrays"][name]
        return memoryview(self._map)[entry["offset"] : entry["offset"] + entry["size"]]

    def verify(self, names: Iterable[str]) -> None:
        """Compare checksums. Reads the arrays from disk, but leaves no page of them in memory."""
        for name in names:
            view = self.bytes(name)
            checksum = 0
            for at in range(0, len(view), _CHUNK):
                checksum = crc32(view[at : at + _CHUNK], checksum)
            if checksum != self.facts["arrays"][name]["crc32"]:
                raise StorageError(f"{self.path}: the checksum of {name} is wrong")
        self.release()

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self.facts["arrays"])

    def release(self) -> None:
        """Give pages back that queries touched; the kernel still has them in its cache."""
        self._map.madvise(mmap.MADV_DONTNEED)


def _directory(file: BinaryIO, size: int, path: Path) -> dict[str, Any]:
    head = file.read(_HEADER.size + _CHECKSUM.size)
    if len(head) < _HEADER.size + _CHECKSUM.size:
        raise StorageError(f"{path}: too short for a header")
    magic, version, length, offset, checksum = _HEADER.unpack_from(head)
    if magic != MAGIC:
        raise StorageError(f"{path}: not a file of this database")
    if version != VERSION:
        raise StorageError(f"{path}: format version {version} is not known, only {VERSION}")
    if _CHECKSUM.unpack_from(head, _HEADER.size)[0] != crc32(head[: _HEADER.size]):
        raise StorageError(f"{path}: the checksum of the header is wrong")
    if offset + length != size:
        raise StorageError(f"{path}: not as long as its header says")
    file.seek(offset)
    text = file.read(length)
    if crc32(text) != checksum:
        raise StorageError(f"{path}: the checksum of the directory is wrong")
    facts: dict[str, Any] = json.loads(text)
    return facts
