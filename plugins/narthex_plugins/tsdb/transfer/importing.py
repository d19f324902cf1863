"""Imports: OpenMetrics text and Prometheus's blocks become blocks of a data directory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from narthex.errors import StorageError
from narthex.storage.frames import Points
from narthex_plugins.prometheus_blocks import BlockSamples, HeadReader, PrometheusBlock, block_directories
from narthex_plugins.prometheus_blocks.meta import read_meta
from narthex_plugins.tsdb.transfer.intake import Intake, Series
from narthex_plugins.tsdb.transfer.openmetrics import OpenMetricsReader
from narthex_plugins.tsdb.transfer.spill import Column, Spill

__all__ = ["Imported", "Tell", "import_openmetrics", "import_prometheus"]

Tell = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is, and how much there is (0: not known)."""


_EARLIEST = -(1 << 60)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of it. ``skipped`` are blocks that had been imported before."""

    blocks: int = 0
    series: int = 0
    samples: int = 0
    skipped: int = 0


def import_openmetrics(intake: Intake, path: str, tell: Tell, extra: Mapping[str, str] | None = None) -> Imported:
    """Import a file, ``.gz`` or not, or standard input (``-``). Nothing is kept unless all of it could be read.

    ``extra`` labels are set on every series. Raises ``StorageError`` that names file and line.
    """
    size = 0 if path == "-" or path.endswith(".gz") else _size(path)
    with _opened(path) as file:
        reader = OpenMetricsReader(file, "standard input" if path == "-" else path, extra)
        spill = Spill(intake.scratch)
        for points in reader.batches():
            spill.add(points)
            tell(f"reading {path}", reader.read, size)
    slots = spill.slots()
    samples = 0
    for done, slot in enumerate(slots):
        tell("writing blocks", done, len(slots))
        samples += intake.write((reader.labels[one], times, values) for one, times, values in spill.columns(slot))
    return Imported(intake.commit(), len(reader.labels), samples)


def import_prometheus(intake: Intake, path: Path, tell: Tell) -> Imported:
    """Import a Prometheus data directory, a snapshot of one, or one block; block by block, oldest first, then the log.

    Each block is in use when it is done, and is left out when it comes again: what was interrupted is continued.
    Raises ``StorageError``.
    """
    known = set(intake.sources())
    directories, head = block_directories(path), HeadReader(path)
    if not directories and not head.files:
        raise StorageError(f"{path}: there is no block of Prometheus")
    blocks = samples = skipped = series = 0
    for number, directory in enumerate(directories):
        block = PrometheusBlock(directory)
        if block.meta.ulid in known:
            skipped += 1
            continue
        what = f"block {number + 1} of {len(directories)}"
        samples += intake.write(_told(block, what, tell, intake))
        series = max(series, block.meta.series)
        blocks += intake.commit([block.meta.ulid])
    if head.name and head.name not in known:
        covered = max((read_meta(one / "meta.json").max_time for one in directories), default=_EARLIEST)
        found = _import_head(intake, head, covered, tell)
        series, samples, blocks = max(series, found.series), samples + found.samples, blocks + found.blocks
    return Imported(blocks, series, samples, skipped)


def _import_head(intake: Intake, head: HeadReader, covered: int, tell: Tell) -> Imported:
    """What is in no block yet. In the order of time, samples before ``covered`` (ms) are in blocks."""
    spill = Spill(intake.scratch)
    for done, batch in head.batches():
        tell("reading the write-ahead log", done, head.files)
        low = _EARLIEST if head.is_late(done) else covered
        kept = np.flatnonzero(np.asarray(batch.times, dtype=np.int64) >= low)
        if isinstance(batch, Points):
            spill.add(Points(batch.series[kept], batch.times[kept], batch.values[kept]))
            continue
        series, times = (np.array(one, dtype=np.int64)[kept] for one in (batch.series, batch.times))
        intake.histograms.add(head.labels, series, times, [batch.values[at] for at in kept.tolist()])
    samples = 0
    for done, slot in enumerate(slots := sorted({*spill.slots(), *intake.histograms.slots()})):
        tell("writing blocks", done, len(slots))
        samples += intake.write(_left(head, spill.columns(slot)), slot)
    return Imported(intake.commit([head.name]), len(head.labels), samples)


def _left(head: HeadReader, columns: Iterable[Column]) -> Iterator[Series]:
    """The series without what was deleted."""
    for place, times, values in columns:
        kept = np.ones(len(times), dtype=np.bool_)
        for low, high in head.deleted.get(place, ()):
            kept &= (times < low) | (times > high)
        if kept.any():
            yield head.labels[place], times[kept], values[kept]


def _told(block: PrometheusBlock, what: str, tell: Tell, intake: Intake) -> Iterator[Series]:
    """The floats of a block; histograms go to the intake on the way."""
    done = 0
    for batch in block.samples():
        yield from _columns(batch)
        if batch.histograms:
            intake.histograms.add(batch.labels, batch.histogram_series, batch.histogram_times, batch.histograms)
        done += len(batch.labels)
        tell(what, done, block.meta.series)


def _columns(batch: BlockSamples) -> Iterator[Series]:
    starts = np.flatnonzero(np.diff(batch.series, prepend=-1))
    for low, high in pairwise([*starts.tolist(), len(batch.series)]):
        yield batch.labels[int(batch.series[low])], batch.times[low:high], batch.values[low:high]


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def _opened(path: str) -> AbstractContextManager[BinaryIO]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        if path.endswith(".gz"):
            from isal import igzip

            return cast("BinaryIO", igzip.IGzipFile(path, "rb"))  # type: ignore[no-untyped-call] # isal is half typed
        return Path(path).open("rb")
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
