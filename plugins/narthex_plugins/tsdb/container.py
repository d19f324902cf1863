"""The format of sealed files: one page of header, then named arrays, each with a checksum.

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

__all__ = ["TEMPORARY", "ArrayFile", "ArrayFileWriter", "sync_directory"]

TEMPORARY = ".tmp"

_MAGIC = b"narthex\n"
_VERSION = 1
_PREFIX = struct.Struct("<8sIII")  # magic, version, length and CRC-32 of the JSON text
_PAGE = 4096
_ALIGN = 64
_CHUNK = 1 << 22


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class ArrayFileWriter:
    """Writes one file; leaving the ``with`` block without an error gives it its name. Raises ``OSError``."""

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + TEMPORARY)
        self._facts = dict(facts)
        self._arrays: dict[str, dict[str, Any]] = {}
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._file = self._temporary.open("wb", buffering=0)
        self._file.seek(_PAGE)
        return self

    def add(self, name: str, dtype: str, shape: tuple[int, ...], chunks: Iterable[NDArray[Any]]) -> None:
        """Append an array given in pieces of its C order."""
        at = -(-self._file.tell() // _ALIGN) * _ALIGN
        self._file.seek(at)
        checksum = 0
        for chunk in chunks:
            data = np.ascontiguousarray(chunk, dtype=dtype).reshape(-1).view(np.uint8).data
            checksum = crc32(data, checksum)
            done = 0
            while done < len(data):
                done += self._file.write(data[done:])
        size = self._file.tell() - at
        self._arrays[name] = {"dtype": dtype, "shape": shape, "offset": at, "size": size, "crc32": checksum}

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
        text = json.dumps({**self._facts, "size": end, "arrays": self._arrays}).encode()
        assert _PREFIX.size + len(text) <= _PAGE
        os.pwrite(self._file.fileno(), _PREFIX.pack(_MAGIC, _VERSION, len(text), crc32(text)) + text, 0)
        self._file.truncate(end)
        _finish_file(self._file, self._temporary, self._path)


def _finish_file(file: BinaryIO, temporary: Path, path: Path) -> None:
    """Sync a file and give it its name."""
    os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


class ArrayFile:
    """An open file: ``facts`` from its header, and its arrays. Raises ``StorageError`` saying what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.facts = _header(file, path)
                self.size = int(self.facts["size"])
                if os.fstat(file.fileno()).st_size != self.size:
                    raise StorageError(f"{path}: not as long as its header says")
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def array(self, name: str) -> NDArray[Any]:
        """One of the arrays, as a view of the map."""
        entry = self.facts["arrays"][name]
        count = int(np.prod(entry["shape"], dtype=np.int64))
        flat: NDArray[Any] = np.frombuffer(self._map, entry["dtype"], count, entry["offset"])
        return flat.reshape(entry["shape"])

    def verify(self, names: Iterable[str]) -> None:
        """Compare checksums. Reads the arrays from disk, but leaves no page of them in memory."""
        for name in names:
            entry = self.facts["arrays"][name]
            view = memoryview(self._map)[entry["offset"] : entry["offset"] + entry["size"]]
            checksum = 0
            for at in range(0, len(view), _CHUNK):
                checksum = crc32(view[at : at + _CHUNK], checksum)
            if checksum != entry["crc32"]:
                raise StorageError(f"{self.path}: the checksum of {name} is wrong")
        self.release()

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self.facts["arrays"])

    def release(self) -> None:
        """Give pages back that queries touched; the kernel still has them in its cache."""
        self._map.madvise(mmap.MADV_DONTNEED)


def _header(file: BinaryIO, path: Path) -> dict[str, Any]:
    page = file.read(_PAGE)
    if len(page) < _PREFIX.size:
        raise StorageError(f"{path}: too short for a header")
    magic, version, length, checksum = _PREFIX.unpack_from(page)
    if magic != _MAGIC:
        raise StorageError(f"{path}: not a file of this database")
    text = page[_PREFIX.size : _PREFIX.size + length]
    if len(text) != length or crc32(text) != checksum:
        raise StorageError(f"{path}: the checksum of the header is wrong")
    if version != _VERSION:
        raise StorageError(f"{path}: format version {version} is not known, only {_VERSION}")
    facts: dict[str, Any] = json.loads(text)
    return facts
