"""The newest samples, which are in no block yet: read from the write-ahead log of a Prometheus that was stopped.

Records of series give references their labels, records of samples use them. Records of exemplars, metadata and markers
are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.histogram import Buckets, Hint, Histogram
from narthex.model.labels import Labels
from narthex.storage.frames import Points
from narthex_plugins.prometheus_blocks.wal import log_records, segments

__all__ = ["HeadHistograms", "HeadReader"]

_SERIES, _SAMPLES, _TOMBSTONES = 1, 2, 3
_HISTOGRAMS = {7: False, 8: True, 9: False, 10: True}
"""Records of histograms, and whether their counts are floats; 9 and 10 have custom bounds."""
_CUSTOM = frozenset({9, 10})

_PAIR = struct.Struct(">Qq")
_FLOAT = struct.Struct(">d")


@dataclass(frozen=True, slots=True)
class HeadHistograms:
    """Histograms of one record: ``series`` are places in :attr:`HeadReader.labels`, ``times`` ms."""

    series: list[int]
    times: list[int]
    values: list[Histogram]


class HeadReader:
    """Reads the logs of one data directory. ``labels`` grows while :meth:`batches` is gone through."""

    def __init__(self, path: Path) -> None:
        self.labels: list[Labels] = []
        self.deleted: dict[int, list[tuple[int, int]]] = {}
        """By place in ``labels``: intervals (ms, both ends inclusive) that were deleted."""
        self._places: dict[Labels, int] = {}
        self._of_reference: dict[int, int] = {}
        # Late samples have a log of their own, which uses the references of the other.
        self._files = [(one, part) for part in (segments(path / "wal"), segments(path / "wbl")) for one in part]

    @property
    def name(self) -> str:
        """Tells one state of the logs from another; empty where there are none."""
        if not self._files:
            return ""
        path = self._files[-1][0]
        return f"{path.parent.name}/{path.name}/{path.stat().st_size}"

    @property
    def files(self) -> int:
        """Number of segments."""
        return len(self._files)

    def is_late(self, segment: int) -> bool:
        """Whether a segment, counted from 0, is of the log of late samples."""
        return self._files[segment][0].parent.name == "wbl"

    def batches(self) -> Iterator[tuple[int, Points | HeadHistograms]]:
        """Samples in the order of the logs, each with the number of segments that are done (see :meth:`is_late`).

        Raises ``StorageError`` that names file and offset.
        """
        for done, (path, log) in enumerate(self._files):
            for record in log_records(path, last=path is log[-1]):
                kind = record[0] if record else 0
                try:
                    if kind == _SERIES:
                        self._series(record)
                    elif kind == _SAMPLES:
                        yield done, self._samples(record)
                    elif kind == _TOMBSTONES:
                        self._tombstones(record)
                    elif kind in _HISTOGRAMS:
                        yield done, self._histograms(record, kind)
                except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
                    raise StorageError(f"{path}: a record of type {kind} makes no sense: {error}") from error

    def _series(self, record: bytes) -> None:
        at, end = 1, len(record)
        while at < end:
            reference = int.from_bytes(record[at : at + 8], "big")
            count, at = _uvarint(record, at + 8)
            texts = []
            for _ in range(2 * count):
                length, at = _uvarint(record, at)
                texts.append(record[at : at + length].decode())
                at += length
            labels = Labels(zip(texts[::2], texts[1::2], strict=True))
            place = self._places.setdefault(labels, len(self.labels))
            if place == len(self.labels):
                self.labels.append(labels)
            self._of_reference[reference] = place

    def _samples(self, record: bytes) -> Points:
        if len(record) < 17:
            return Points.none()
        first, begin = _PAIR.unpack_from(record, 1)
        at, end = 17, len(record)
        series, times, bits = [], [], []
        known = self._of_reference
        while at < end:
            # Nearly all differences take one byte or two; the loop is once for each sample of the log.
            reference, at = _varint(record, at)
            time, at = _varint(record, at)
            place = known.get(first + reference)
            if place is not None:  # a series that the log no longer names was deleted long ago
                series.append(place)
                times.append(begin + time)
                bits.append(record[at : at + 8])
            at += 8
        if at != end:
            raise ValueError("the record ends too early")
        values = np.frombuffer(b"".join(bits), dtype=">u8").astype(
            np.uint64
        )  # as integers, so that NaNs keep their bits
        return Points(np.array(series, dtype=np.int64), np.array(times, dtype=np.int64), values.view(np.float64))

    def _tombstones(self, record: bytes) -> None:
        at, end = 1, len(record)
        while at < end:
            reference = int.from_bytes(record[at : at + 8], "big")
            low, at = _varint(record, at + 8)
            high, at = _varint(record, at)
            place = self._of_reference.get(reference)
            if place is not None:
                self.deleted.setdefault(place, []).append((low, high))

    def _histograms(self, record: bytes, kind: int) -> HeadHistograms:
        found = HeadHistograms([], [], [])
        if len(record) < 17:
            return found
        first, begin = _PAIR.unpack_from(record, 1)
        reader = _Fields(record, 17)
        while reader.at < len(record):
            reference, time = reader.varint(), reader.varint()
            value = _histogram(reader, floats=_HISTOGRAMS[kind], custom=kind in _CUSTOM)
            place = self._of_reference.get(first + reference)
            if place is not None:
                found.series.append(place)
                found.times.append(begin + time)
                found.values.append(value)
        return found


class _Fields:
    """The fields of a record, one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def varint(self) -> int:
        value, self.at = _varint(self._data, self.at)
        return value

    def uvarint(self) -> int:
        value, self.at = _uvarint(self._data, self.at)
        return value

    def float(self) -> float:
        value: float = _FLOAT.unpack_from(self._data, self.at)[0]
        self.at += 8
        return value


def _histogram(reader: _Fields, *, floats: bool, custom: bool) -> Histogram:
    hint, schema, zero_threshold = Hint(reader.byte() & 3), reader.varint(), reader.float()
    zero_count, count = (reader.float(), reader.float()) if floats else (reader.uvarint(), reader.uvarint())
    total = reader.float()
    sides = [_indices(reader), _indices(reader)]
    counts = [_counts(reader, floats=floats), _counts(reader, floats=floats)]
    bounds = tuple(reader.float() for _ in range(reader.uvarint())) if custom else ()
    positive, negative = (Buckets(index, own) for index, own in zip(sides, counts, strict=True))
    if len(positive.index) != len(positive.counts) or len(negative.index) != len(negative.counts):
        raise ValueError("spans and buckets of a histogram differ in number")
    return Histogram(schema, zero_threshold, float(zero_count), float(count), total, positive, negative, bounds, hint)


def _indices(reader: _Fields) -> NDArray[np.int32]:
    index: list[int] = []
    at = 0
    for _ in range(reader.uvarint()):
        offset, length = reader.varint(), reader.uvarint()
        if length > 1 << 16:
            raise ValueError(f"a span of {length} buckets")
        index += range(at + offset, at + offset + length)
        at += offset + length
    return np.array(index, dtype=np.int32)


def _counts(reader: _Fields, *, floats: bool) -> NDArray[np.float64]:
    number = reader.uvarint()
    if floats:
        return np.array([reader.float() for _ in range(number)], dtype=np.float64)
    return np.cumsum(np.array([reader.varint() for _ in range(number)], dtype=np.float64))


def _uvarint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 128:
        return byte, at + 1
    value, shift = byte & 127, 7
    while True:
        at += 1
        byte = data[at]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + 1
        shift += 7


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, at = _uvarint(data, at)
    return value >> 1 ^ -(value & 1), at
