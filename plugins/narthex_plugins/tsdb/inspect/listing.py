"""The files of a data directory as rows of a table, and the head as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.prometheus_blocks import PrometheusBlock, block_directories
from narthex_plugins.tsdb.blocks import open_block
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.inspect.head import Held, held_by_file, held_by_log, known_series, together

__all__ = ["Entry", "entries", "is_prometheus"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One block or file. Times are ms, both ends inclusive; None and 0 where a file does not say."""

    name: str
    kind: str
    size: int
    level: int = 0
    min_time: int | None = None
    max_time: int | None = None
    series: int = 0
    samples: int = 0


def is_prometheus(path: Path) -> bool:
    """Whether the directory is one of Prometheus's, or one of its blocks. Raises ``StorageError`` for neither."""
    directory = Directory(path)
    if any(one.is_dir() for one in (directory.sealed, directory.blocks)):
        return False
    if (path / "meta.json").is_file() or block_directories(path):
        return True
    raise StorageError(f"{path}: not a data directory")


def entries(path: Path) -> Iterator[Entry]:
    """Blocks by time, then the files of the head, and the head as a whole where it holds samples.

    What cannot be read raises ``StorageError``.
    """
    if is_prometheus(path):
        for one in block_directories(path):
            yield _prometheus_block(one)
        return
    directory = Directory(path)
    blocks = [_block(one) for one in directory.blocks.glob("block-*.nrx")]
    yield from sorted(blocks, key=lambda one: (one.min_time or 0, one.name))
    yield from _head(path, directory)


def _head(path: Path, directory: Directory) -> Iterator[Entry]:
    table = known_series(directory.series_log)
    held, size = [], 0
    for one in (*sorted(directory.sealed.glob("*.nrx")), *path.glob("*.nrx")):
        file = ArrayFile(one)
        held.append(held_by_file(file))
        size += file.size
        yield _entry(one.name, file.facts["kind"], file.size, held[-1])
    for one in sorted(directory.wal.glob("*.log")):
        try:
            found, length = held_by_log(one, table), one.stat().st_size
        except FileNotFoundError:
            continue  # a server that runs has sealed it
        if not (directory.sealed / one.with_suffix(".nrx").name).exists():  # else the file holds the same
            held.append(found)
        size += length
        named = table.live if one == directory.series_log else 0
        yield replace(_entry(one.name, "log", length, found), series=named or len(found.refs))
    whole = together(held)
    if whole.samples:
        yield _entry("head", "head", size, whole)


def _entry(name: str, kind: str, size: int, held: Held) -> Entry:
    return Entry(name, kind, size, 0, held.min_time, held.max_time, len(held.refs), held.samples)


def _block(path: Path) -> Entry:
    block = open_block(path)
    times = block.min_time, block.max_time
    return Entry(path.name, "block", block.file.size, block.level, *times, block.series, block.samples)


def _prometheus_block(path: Path) -> Entry:
    block = PrometheusBlock(path)
    meta = block.meta
    times = meta.min_time, meta.max_time - 1
    return Entry(path.name, "prometheus", block.bytes, meta.level, *times, meta.series, meta.samples)
