"""Writes whole blocks, in both versions of the index."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.plugins.prometheus_blocks.encode import crc32c, uvarint, varint

Chunk = tuple[int, int, int, bytes]
"""Encoding, first and last time, data."""


def section(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content + struct.pack(">I", crc32c(content))


def text(value: str) -> bytes:
    return uvarint(len(value.encode())) + value.encode()


class IndexWriter:
    def __init__(self, version: int) -> None:
        self.version = version
        self.out = struct.pack(">IB", 0xBAAAD700, version)

    def add(self, data: bytes) -> int:
        at = len(self.out)
        self.out += data
        return at


def write_block(
    path: Path,
    series: Sequence[tuple[Mapping[str, str], Sequence[Chunk]]],
    *,
    version: int = 2,
    tombstones: Sequence[tuple[int, int, int]] = (),
    times: tuple[int, int] = (0, 1 << 50),
    label_indices: bool = True,
) -> list[int]:
    """A block of these series; tombstones are (number of the series, from, to). Returns the series references.

    Newer releases of Prometheus write no label indices.
    """
    (path / "chunks").mkdir(parents=True)
    places = _write_chunks(path / "chunks/000001", [chunk for _, chunks in series for chunk in chunks])
    index = IndexWriter(version)
    names = sorted({one for labels, _ in series for pair in labels.items() for one in pair})
    body = struct.pack(">I", len(names))
    symbols = {}
    for number, name in enumerate(names):
        symbols[name] = number if version > 1 else 5 + 4 + len(body)
        body += text(name)
    symbols_at = index.add(section(body))
    references, series_at = [], 0
    for labels, chunks in series:
        index.add(bytes(-len(index.out) % 16) if version > 1 else b"")
        entry = uvarint(len(labels))
        for name in sorted(labels):
            entry += uvarint(symbols[name]) + uvarint(symbols[labels[name]])
        entry += uvarint(len(chunks))
        end = last = 0
        for number, (_, low, high, _) in enumerate(chunks):
            place = places.pop(0)
            entry += varint(low) if number == 0 else uvarint(low - end)
            entry += uvarint(high - low)
            entry += uvarint(place) if number == 0 else varint(place - last)
            end, last = high, place
        at = index.add(uvarint(len(entry)) + entry + struct.pack(">I", crc32c(entry)))
        series_at = series_at or at
        references.append(at // 16 if version > 1 else at)
    _finish(index, series, references, symbols_at, series_at, label_indices=label_indices)
    (path / "index").write_bytes(index.out)
    _write_rest(path, references, tombstones, times)
    return references


def _write_chunks(path: Path, chunks: Sequence[Chunk]) -> list[int]:
    out, places = struct.pack(">IBxxx", 0x85BD40DD, 1), []
    for encoding, _, _, data in chunks:
        places.append(len(out))
        out += uvarint(len(data)) + bytes([encoding]) + data + struct.pack(">I", crc32c(bytes([encoding]) + data))
    path.write_bytes(out)
    return places


def _finish(index: IndexWriter, series, references, symbols_at: int, series_at: int, *, label_indices: bool) -> None:
    index.add(bytes(-len(index.out) % 4))
    label_names = sorted({name for labels, _ in series for name in labels}) if label_indices else []
    label_at = {name: index.add(section(struct.pack(">II", 1, 0))) for name in label_names}
    pairs = sorted({pair for labels, _ in series for pair in labels.items()})
    postings_at = {("", ""): index.add(_postings(references))}
    for name, value in pairs:
        members = [ref for ref, (labels, _) in zip(references, series, strict=True) if labels.get(name) == value]
        postings_at[name, value] = index.add(_postings(members))
    table = b"".join(b"\x01" + text(name) + uvarint(at) for name, at in label_at.items())
    label_table_at = index.add(section(struct.pack(">I", len(label_at)) + table)) if label_indices else 0
    table = b"".join(b"\x02" + text(name) + text(value) + uvarint(at) for (name, value), at in postings_at.items())
    postings_table_at = index.add(section(struct.pack(">I", len(postings_at)) + table))
    toc = struct.pack(
        ">6Q", symbols_at, series_at, min(label_at.values(), default=0), label_table_at,
        min(postings_at.values()), postings_table_at,
    )  # fmt: skip
    index.add(toc + struct.pack(">I", crc32c(toc)))


def _postings(references: Sequence[int]) -> bytes:
    return section(struct.pack(">I", len(references)) + b"".join(struct.pack(">I", ref) for ref in references))


def _write_rest(path: Path, references, tombstones, times: tuple[int, int]) -> None:
    stones = b"".join(uvarint(references[number]) + varint(low) + varint(high) for number, low, high in tombstones)
    head = struct.pack(">IB", 0x0130BA30, 1)
    (path / "tombstones").write_bytes(head + stones + struct.pack(">I", crc32c(stones)))
    meta = {
        "ulid": path.name, "minTime": times[0], "maxTime": times[1], "version": 1,
        "stats": {"numSeries": len(references)}, "compaction": {"level": 1, "sources": [path.name]},
    }  # fmt: skip
    (path / "meta.json").write_text(json.dumps(meta))
