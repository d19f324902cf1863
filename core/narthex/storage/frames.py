"""What ``select`` answers: matrices of samples over a table of labels.

A frame is one aligned block: its rows are moments, its columns series. Series that were scraped together form a
*group* and share their timestamps, so a block of 1,000 series of one target has one column of times. The arrays may be
views of live or memory-mapped data; nothing is copied until the reader asks for a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import Histogram
from narthex.model.labeltable import LabelTable
from narthex.storage.cells import PackedCells

__all__ = [
    "NO_START", "NO_TIME", "Frame", "HistogramPoints", "LateFrames", "Piece", "Points", "Selection",
    "Source", "sources_of",
]  # fmt: skip

NO_TIME = 0
"""In a frame's ``times``: the group has no row here (a failed or skipped slot)."""

NO_START = 0
"""In ``starts``: it is not known since when the counter counts."""


Piece = tuple[int, NDArray[np.int64], NDArray[np.float64]]
"""One column of a frame: its series, and times and values of its rows, cells as in a :class:`Frame`."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Samples of ``n`` selected series over ``rows`` moments.

    * ``matrix``: float64 ``[rows, any]``, the block as stored, in row order, not to be written to; or compressed pages
      that decode what is taken from them (:mod:`narthex.storage.cells`). Cells may be ``MISSING`` or ``STALE_NAN``. A
      cell whose time is ``NO_TIME`` holds garbage.
    * ``columns``: int64 ``[n]``, the columns of ``matrix`` that were selected.
    * ``series``: int64 ``[n]``, for each of them its row in the selection's label table.
    * ``times``: int64 ``[rows, groups]``, ms since the epoch, or ``NO_TIME``. Where present, ascending along rows.
    * ``group``: int64 ``[n]``, for each selected column its column in ``times``.
    """

    matrix: NDArray[np.float64] | PackedCells
    columns: NDArray[np.int64]
    series: NDArray[np.int64]
    times: NDArray[np.int64]
    group: NDArray[np.int64]

    def window(self, start: int, end: int) -> NDArray[np.float64]:
        """Rows ``start`` <= r < ``end`` of the selected columns: float64 ``[end - start, n]``, a copy."""
        return np.take(self.matrix[start:end], self.columns, axis=1)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """One cell for each selected column and step: ``rows`` is int64 ``[steps, n]``; float64 of that shape."""
        return self.matrix[rows, self.columns]

    def pieces(self) -> list[Piece]:
        """The selected columns, one by one."""
        return [
            (series, self.times[:, group], self.matrix[:, column])
            for series, column, group in zip(
                self.series.tolist(), self.columns.tolist(), self.group.tolist(), strict=True
            )
        ]


class Source(Protocol):
    """What some frames are made from; ``newest`` is the latest time (ms) in it, or later."""

    newest: int

    def frames(self) -> Sequence[Frame]:
        """The frames, in order of time."""

    def pieces(self) -> Sequence[Piece]:
        """Their columns, one by one: for a handful of series the shorter way."""


class LateFrames(Sequence[Frame]):
    """Frames that are made when they are looked at: for one moment the newest of them is mostly enough.

    ``sources`` come in order of time.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self._made: list[Frame] | None = None

    def _all(self) -> list[Frame]:
        if self._made is None:
            self._made = [frame for source in self.sources for frame in source.frames()]
        return self._made

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all())

    def __iter__(self) -> Iterator[Frame]:
        """All of them, in order of time."""
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | Sequence[Frame]:
        """One or some of them."""
        return self._all()[index]


def sources_of(frames: Sequence[Frame]) -> Sequence[Source]:
    """The sources of frames that are made late, or each frame as its own; in order of time."""
    if isinstance(frames, LateFrames):
        return frames.sources
    return [_Ready(frame) for frame in frames]


class _Ready:
    """A frame as a source."""

    def __init__(self, frame: Frame) -> None:
        self.newest = int(frame.times.max(initial=NO_TIME))
        self._frame = frame

    def frames(self) -> Sequence[Frame]:
        return (self._frame,)

    def pieces(self) -> Sequence[Piece]:
        return self._frame.pieces()


@dataclass(frozen=True, slots=True)
class Points:
    """Samples with timestamps of their own, as three parallel arrays of one length.

    ``series`` (int64) is a reference on the way in and a row of the selection's label table on the way out; ``times``
    (int64) are ms since the epoch; ``values`` float64. On the way out they are sorted by series, then time, without
    repeats. ``starts`` (int64, same length, or None for all unknown) are start timestamps: since when a counter has
    counted, in ms since the epoch, or ``NO_START``.
    """

    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    starts: NDArray[np.int64] | None = None

    @classmethod
    def none(cls) -> Points:
        """No samples."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros(0))


@dataclass(frozen=True, slots=True)
class HistogramPoints:
    """Samples that are native histograms: parallel arrays of one length, as in :class:`Points`.

    ``values`` is an object array of :class:`~narthex.model.histogram.Histogram`; one whose ``stale`` is true ends its
    series. On the way out their hints say what the storage knows of counter resets. A series may have floats at some
    times and histograms at others, never both at one time.
    """

    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.object_]
    starts: NDArray[np.int64] | None = None

    @classmethod
    def none(cls) -> HistogramPoints:
        """No samples."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros(0, dtype=np.object_))

    @classmethod
    def of(
        cls,
        series: Sequence[int],
        times: Sequence[int],
        values: Sequence[Histogram],
        starts: Sequence[int] | None = None,
    ) -> HistogramPoints:
        """From plain sequences of one length."""
        held = np.empty(len(values), dtype=np.object_)
        held[:] = values
        known = None if starts is None else np.array(starts, dtype=np.int64)
        return cls(np.array(series, dtype=np.int64), np.array(times, dtype=np.int64), held, known)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected series and their samples. Frames come in order of time; a series may stand in any number of them.

    Two frames, or a frame and points, may overlap in time for the same series (a target that moved, a restart); where
    two samples of a series have the same timestamp, the one given last wins.
    """

    labels: LabelTable
    frames: Sequence[Frame]
    points: Points
    histograms: HistogramPoints = field(default_factory=HistogramPoints.none)
