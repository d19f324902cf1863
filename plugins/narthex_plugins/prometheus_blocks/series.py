"""The series of an index: labels and, for each, where its chunks lie.

An entry is its length, then varints only: the number of labels and their symbols, the number of chunks and for each
its time range and its place, as differences. So the entries of many series are decoded as one array of varints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex_plugins.prometheus_blocks.section import MappedFile
from narthex_plugins.prometheus_blocks.varints import signed, uvarints, uvarints_at

__all__ = ["SeriesBatch", "SeriesReader"]

Ints = NDArray[np.int64]

_ENTRIES = 4096
"""Series decoded in one go."""


@dataclass(frozen=True, slots=True)
class SeriesBatch:
    """Some series. The chunks of all of them are listed one after the other; ``owner`` is ascending.

    * ``labels``: the label sets; ``references``: int64, what postings and tombstones call them.
    * ``owner``: int64, for each chunk the number of its series in this batch.
    * ``min_time``, ``max_time``: int64, ms, both inclusive; ``place``: int64, segment file << 32 | offset in it.
    """

    labels: list[Labels]
    references: Ints
    owner: Ints
    min_time: Ints
    max_time: Ints
    place: Ints


class SeriesReader:
    """Reads entries of one index file."""

    def __init__(self, file: MappedFile, symbols: Mapping[int, str]) -> None:
        self._file = file
        self._symbols = symbols

    def batches(self, offsets: Ints, references: Ints, most_chunks: int) -> Iterator[SeriesBatch]:
        """Read the entries at these offsets; a batch ends with the series that fills it up."""
        for at in range(0, len(offsets), _ENTRIES):
            part: SeriesBatch | None = self._read(offsets[at : at + _ENTRIES], references[at : at + _ENTRIES])
            while part is not None:
                batch, part = _split(part, most_chunks)
                yield batch

    def _read(self, offsets: Ints, references: Ints) -> SeriesBatch:
        file = self._file
        try:
            lengths, starts = uvarints_at(file.data, offsets)
        except ValueError as error:
            raise file.wrong(int(offsets[0]), f"among the series from here on, {error}") from error
        file.check_many(starts, lengths, "a series")
        shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        numbers, stops = uvarints(file.data[np.arange(int(lengths.sum())) + shift])
        ends = np.searchsorted(stops, np.cumsum(lengths), side="right")  # numbers up to the end of each entry
        labels: list[Labels] = []
        chunk_counts, chunk_starts = [], []
        first, symbols = 0, self._symbols
        for row, end in enumerate(ends.tolist()):
            try:
                names = int(numbers[first])
                refs = numbers[first + 1 : first + 1 + 2 * names].tolist()
                texts = [symbols[ref] for ref in refs]
                labels.append(Labels.of_sorted(dict(zip(texts[::2], texts[1::2], strict=True))))
                chunks = int(numbers[first + 1 + 2 * names]) if first + 1 + 2 * names < end else 0
                if chunks and first + 2 + 2 * names + 3 * chunks != end:
                    raise ValueError(f"{chunks} chunks do not fill the entry")
            except (KeyError, IndexError, ValueError) as error:
                raise file.wrong(int(offsets[row]), f"the entry of a series makes no sense: {error!r}") from error
            chunk_counts.append(chunks)
            chunk_starts.append(first + 2 + 2 * names)
            first = end
        return _chunks(labels, references, numbers, np.array(chunk_starts), np.array(chunk_counts))


def _chunks(labels: list[Labels], references: Ints, numbers: Ints, starts: Ints, counts: Ints) -> SeriesBatch:
    """Undo the differences: each series' times add up, and so do its places."""
    total = int(counts.sum())
    owner = np.repeat(np.arange(len(counts)), counts)
    begins = np.cumsum(counts) - counts
    triples = np.repeat(starts - 3 * begins, counts) + 3 * np.arange(total)
    gaps, spans, moves = numbers[triples], numbers[triples + 1], numbers[triples + 2]
    first = begins[counts > 0]
    gaps[first] = signed(gaps[first])
    rest = np.ones(total, dtype=np.bool_)
    rest[first] = False
    moves[rest] = signed(moves[rest])
    # Sums run over all series and are set back to nothing at the first chunk of each.
    max_time = _sums(gaps + spans, first, owner, counts)
    return SeriesBatch(labels, references, owner, max_time - spans, max_time, _sums(moves, first, owner, counts))


def _sums(steps: Ints, first: Ints, owner: Ints, counts: Ints) -> Ints:
    running = np.cumsum(steps)
    before = np.zeros(len(counts), dtype=np.int64)
    before[counts > 0] = running[first] - steps[first]
    return running - before[owner]


def _split(part: SeriesBatch, most_chunks: int) -> tuple[SeriesBatch, SeriesBatch | None]:
    """The series that have the first so many chunks, and the others."""
    if len(part.owner) <= most_chunks:
        return part, None
    series = int(part.owner[most_chunks - 1]) + 1
    if series >= len(part.labels):
        return part, None
    chunk = int(np.searchsorted(part.owner, series))
    head = SeriesBatch(
        part.labels[:series],
        part.references[:series],
        part.owner[:chunk],
        part.min_time[:chunk],
        part.max_time[:chunk],
        part.place[:chunk],
    )
    tail = SeriesBatch(
        part.labels[series:],
        part.references[series:],
        part.owner[chunk:] - series,
        part.min_time[chunk:],
        part.max_time[chunk:],
        part.place[chunk:],
    )
    return head, tail
