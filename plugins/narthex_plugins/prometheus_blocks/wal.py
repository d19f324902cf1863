"""The write-ahead log: segments of 32 KiB pages, fragments of records in them (``tsdb/docs/format/wal.md``).

A fragment is its type (three bits, and flags for compression), length (u16), CRC-32C (u32) and data, all big endian.
The last segment may end in the middle of a record: that is where Prometheus stopped.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from narthex.errors import StorageError
from narthex_plugins.prometheus_blocks.compression import snappy, zstd
from narthex_plugins.prometheus_blocks.crc import crc32c_many

__all__ = ["log_records", "segments"]

_PAGE = 32 << 10
_HEADER = struct.Struct(">BHI")
_TYPE, _SNAPPY, _ZSTD = 0x07, 0x08, 0x10
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_SEGMENT = re.compile(r"\d{6,}").fullmatch
_CHECKPOINT = re.compile(r"checkpoint\.\d+").fullmatch


def segments(directory: Path) -> list[Path]:
    """The segment files of a log in order, those of its newest checkpoint first; none where there is no log."""
    if not directory.is_dir():
        return []
    checkpoints = sorted(path for path in directory.iterdir() if _CHECKPOINT(path.name))
    found = [path for path in directory.iterdir() if _SEGMENT(path.name)]
    if checkpoints:
        last = int(checkpoints[-1].name.split(".")[1])
        found = [path for path in found if int(path.name) > last]
        return [*sorted(path for path in checkpoints[-1].iterdir() if _SEGMENT(path.name)), *sorted(found)]
    return sorted(found)


def log_records(path: Path, *, last: bool) -> Iterator[bytes]:
    """The records of a segment; the end of the ``last`` one may be torn. Raises ``StorageError`` for other damage."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    parts: list[bytes] = []
    for offset, kind, fragment in _fragments(path, data, last=last):
        what = kind & _TYPE
        if (what in {_FULL, _FIRST}) == bool(parts):
            raise StorageError(f"{path}: at byte {offset}: a fragment that does not follow the one before")
        parts.append(fragment)
        if what in {_FULL, _LAST}:
            record = b"".join(parts)
            parts.clear()
            try:
                yield snappy(record) if kind & _SNAPPY else zstd(record) if kind & _ZSTD else record
            except ValueError as error:
                raise StorageError(f"{path}: at byte {offset}: {error}") from error


def _fragments(path: Path, data: bytes, *, last: bool) -> Iterator[tuple[int, int, bytes]]:
    """Offset, type and data of each fragment, verified."""
    found: list[tuple[int, int, int, int]] = []  # start of the data, length, type, checksum
    at, size = 0, len(data)
    torn = False
    while at < size:
        left = _PAGE - at % _PAGE
        if left < _HEADER.size or not data[at] & _TYPE:  # the rest of a page is empty
            if data[at : at + left].strip(b"\0"):
                torn = True
                break
            at += left
            continue
        if at + _HEADER.size > size:
            torn = True
            break
        kind, length, checksum = _HEADER.unpack_from(data, at)
        if at + _HEADER.size + length > size or length > left - _HEADER.size:
            torn = True
            break
        found.append((at + _HEADER.size, length, kind, checksum))
        at += _HEADER.size + length
    rows = np.array(found, dtype=np.int64).reshape(-1, 4)
    wrong = np.flatnonzero(crc32c_many(np.frombuffer(data, dtype=np.uint8), rows[:, 0], rows[:, 1]) != rows[:, 3])
    good = int(wrong[0]) if len(wrong) else len(found)
    for start, length, kind, _ in found[:good]:
        yield start, kind, data[start : start + length]
    if (torn or len(wrong)) and not last:
        offset = found[good][0] if len(wrong) else at
        raise StorageError(f"{path}: at byte {offset}: damaged; what follows cannot be trusted")
