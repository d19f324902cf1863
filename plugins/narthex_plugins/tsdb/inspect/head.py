"""What the files of the head hold, counted: samples by series, and the times they span.

The head's files are read as a server would read them; a sealed slab has cells without a sample, so its cells are looked
at. That is the work of a second for the two or three hours that a head is long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.sample import is_missing
from narthex.storage.frames import NO_TIME, Frame
from narthex_plugins.tsdb.blocks.histograms import HistogramSection
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.located import Place
from narthex_plugins.tsdb.replay import replay_histograms, replay_points, replay_series, replay_slab
from narthex_plugins.tsdb.sealed import SealedSlab
from narthex_plugins.tsdb.series import SeriesTable

__all__ = ["Held", "held_by_file", "held_by_log", "known_series", "together"]

Ints = NDArray[np.int64]

_CELLS = 1 << 20
"""Cells that are decoded in one step."""
_FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Held:
    """References of the series that have samples, ascending, how many samples, and their times (ms, inclusive)."""

    refs: Ints
    samples: int
    min_time: int | None = None
    max_time: int | None = None


_NOTHING = Held(np.zeros(0, dtype=np.int64), 0)


def known_series(path: Path) -> SeriesTable:
    """The series that a log names; damage is left out."""
    table = SeriesTable()
    if path.exists():
        replay_series(path, table)
    return table


def held_by_file(file: ArrayFile) -> Held:
    """What a sealed file holds; nothing where it is of a kind that holds no samples."""
    kind = file.facts["kind"]
    if kind == "slab":
        return _cells(SealedSlab(file), file.array("refs"))
    if kind == "points":
        return _points(file.array("refs"), file.array("times"))
    if kind == "histograms":
        section = HistogramSection(file, lambda _: None)
        refs = np.unique(section.series).astype(np.int64)
        return Held(refs, int(section.rows.sum()), file.facts["min_time"], file.facts["max_time"])
    return _NOTHING


def held_by_log(path: Path, table: SeriesTable) -> Held:
    """What a log of samples holds, as far as it is whole. Raises ``FileNotFoundError`` where it has gone."""
    if path.name.startswith("slab-"):
        slab, _ = replay_slab(path)
        return _NOTHING if slab is None else _cells(slab, slab.references())
    if path.name.startswith("points-"):
        several, _ = replay_points(path, table.sizes[: table.count] > 0)
        if several:
            refs, times = (np.concatenate([getattr(one, name) for one in several]) for name in ("series", "times"))
            return _points(refs, times)
    if path.name.startswith("histograms-"):
        samples, _ = replay_histograms(path, table.sizes[: table.count] > 0)
        refs, times = (np.array([one[at] for one in samples], dtype=np.int64) for at in (0, 1))
        return _points(refs, times)
    return _NOTHING


def together(several: Sequence[Held]) -> Held:
    """What some files hold together; a series that stands in several counts once."""
    some = [one for one in several if one.samples]
    if not some:
        return _NOTHING
    return Held(
        np.unique(np.concatenate([one.refs for one in some])),
        sum(one.samples for one in some),
        min(one.min_time for one in some if one.min_time is not None),
        max(one.max_time for one in some if one.max_time is not None),
    )


class _Part(Protocol):
    """A slab, open or sealed."""

    min_time: int
    max_time: int

    def places(self, refs: Ints) -> list[Place]: ...

    def frames(self, places: list[Place], start: int, end: int) -> list[Frame]: ...


def _points(refs: NDArray[np.integer], times: Ints) -> Held:
    if not len(refs):
        return _NOTHING
    return Held(np.unique(refs).astype(np.int64), len(refs), int(times.min()), int(times.max()))


def _cells(part: _Part, refs: NDArray[np.integer]) -> Held:
    known = np.unique(refs).astype(np.int64)
    counts = np.zeros(len(known), dtype=np.int64)
    for frame in part.frames(part.places(known), 0, _FOREVER):
        width = max(1, _CELLS // max(1, len(frame.times)))
        for low in range(0, len(frame.columns), width):
            at = slice(low, low + width)
            cells = np.take(frame.matrix, frame.columns[at], axis=1)
            there = (frame.times[:, frame.group[at]] != NO_TIME) & ~is_missing(cells)
            np.add.at(counts, frame.series[at], there.sum(axis=0))
    return Held(known[counts > 0], int(counts.sum()), part.min_time, part.max_time)
