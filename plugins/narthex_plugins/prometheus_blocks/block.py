"""One block directory, read in batches of series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.histogram.value import Histogram
from narthex.model.labels import Labels
from narthex_plugins.prometheus_blocks.histograms import FLOAT_HISTOGRAM, HISTOGRAM, decode_histograms
from narthex_plugins.prometheus_blocks.index import Index
from narthex_plugins.prometheus_blocks.meta import read_meta
from narthex_plugins.prometheus_blocks.segments import RawChunks, Segments
from narthex_plugins.prometheus_blocks.series import SeriesBatch
from narthex_plugins.prometheus_blocks.tombstones import read_tombstones
from narthex_plugins.prometheus_blocks.xor import decode_xor

__all__ = ["BlockSamples", "PrometheusBlock", "block_directories"]

Ints = NDArray[np.int64]

_XOR = 1
_CHUNKS = 8192
"""Chunks decoded in one go: a million samples, 50 MB while they are worked on."""


@dataclass(frozen=True, slots=True)
class BlockSamples:
    """Samples of some series, sorted by series, then time, without repeats.

    ``series`` counts places in ``labels``; ``times`` are ms since the epoch. Native histograms stand beside the floats
    in arrays of their own.
    """

    labels: list[Labels]
    series: Ints
    times: Ints
    values: NDArray[np.float64]
    histogram_series: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    histogram_times: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    histograms: list[Histogram] = field(default_factory=list)


def block_directories(path: Path) -> list[Path]:
    """The block directories of a data directory, or the directory itself if it is a block; by time.

    Raises ``StorageError`` where the directory cannot be listed.
    """
    if (path / "meta.json").is_file():
        return [path]
    try:
        found = [one for one in path.iterdir() if (one / "meta.json").is_file() and (one / "index").is_file()]
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    return sorted(found, key=lambda one: (read_meta(one / "meta.json").min_time, one.name))


class PrometheusBlock:
    """An open block. Nothing is read but the index's tables before :meth:`samples` asks for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta = read_meta(path / "meta.json")
        self.index = Index(path / "index")
        self._tombstones = read_tombstones(path / "tombstones")
        self._segments = Segments(path / "chunks")

    @property
    def bytes(self) -> int:
        """Size of the index and the chunks."""
        return sum(one.stat().st_size for one in (self.path / "index", *(self.path / "chunks").iterdir()))

    def samples(self, *, chunks: int = _CHUNKS) -> Iterator[BlockSamples]:
        """All samples, batch by batch in order of the series; every checksum on the way is compared."""
        for batch in self.index.batches(self.index.references, chunks):
            yield self._decode(batch)

    def verify(self) -> Iterator[int]:
        """Compare every checksum and decode every chunk; yields how many series are done. Raises ``StorageError``."""
        self.index.verify()
        done = 0
        for samples in self.samples():
            done += len(samples.labels)
            yield done

    def _decode(self, batch: SeriesBatch) -> BlockSamples:
        raw = self._segments.read(batch.place)
        unknown = np.flatnonzero((raw.encodings < _XOR) | (raw.encodings > FLOAT_HISTOGRAM))
        if len(unknown):
            place, encoding = int(batch.place[unknown[0]]), raw.encodings[unknown[0]]
            raise self._segments.complain(place, f"chunk encoding {encoding} is not known, only 1, 2 and 3")
        at = np.flatnonzero(raw.encodings == _XOR)
        try:
            decoded = decode_xor([raw.data[one] for one in at.tolist()])
        except ValueError as error:
            what, number = error.args
            raise self._segments.complain(int(batch.place[at[number]]), what) from error
        series = np.repeat(batch.owner[at], decoded.counts)
        kept = self._kept(batch, series, decoded.times)
        in_order = _sorted(series[kept], decoded.times[kept])
        rows = kept[in_order]
        histograms = self._histograms(batch, raw)
        return BlockSamples(batch.labels, series[rows], decoded.times[rows], decoded.values[rows], *histograms)

    def _histograms(self, batch: SeriesBatch, raw: RawChunks) -> tuple[Ints, Ints, list[Histogram]]:
        owners, times, values = [], [], []
        for at in np.flatnonzero(raw.encodings >= HISTOGRAM).tolist():
            try:
                for time, value in decode_histograms(raw.data[at], int(raw.encodings[at])):
                    owners.append(int(batch.owner[at]))
                    times.append(time)
                    values.append(value)
            except ValueError as error:
                raise self._segments.complain(int(batch.place[at]), str(error)) from error
        owner, when = np.array(owners, dtype=np.int64), np.array(times, dtype=np.int64)
        kept = self._kept(batch, owner, when)
        rows = kept[_sorted(owner[kept], when[kept])]
        return owner[rows], when[rows], [values[row] for row in rows.tolist()]

    def _kept(self, batch: SeriesBatch, series: Ints, times: Ints) -> Ints:
        """The rows that no tombstone covers and that lie in the block's time range."""
        kept = (times >= self.meta.min_time) & (times < self.meta.max_time)
        if self._tombstones:  # the samples of a series lie together
            for number, reference in enumerate(batch.references.tolist()):
                if stones := self._tombstones.get(reference):
                    own = slice(*np.searchsorted(series, [number, number + 1]))
                    for low, high in stones:
                        kept[own] &= (times[own] < low) | (times[own] > high)
        return np.flatnonzero(kept)


def _sorted(series: Ints, times: Ints) -> Ints:
    """The order by series and time, less repeats; nearly always the one there is. Of repeats the first stays."""
    ahead = (series[1:] > series[:-1]) | ((series[1:] == series[:-1]) & (times[1:] > times[:-1]))
    if ahead.all():
        return np.arange(len(series))
    order = np.lexsort((times, series))
    series, times = series[order], times[order]
    first = np.ones(len(series), dtype=np.bool_)
    first[1:] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    return order[first]
