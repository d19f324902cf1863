"""The storage in memory as tests want it: it remembers how samples came, and breaks loudly where a lane is misused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.storage import memory
from narthex.storage.protocol import Appended, Batch, Storage
from narthex.storage.track import Track

__all__ = ["MemoryLane", "MemoryStorage"]

_FOREVER = 1 << 62


class MemoryLane(memory.MemoryLane):
    """A lane in which a series may stand once only."""

    def extend(self, refs: NDArray[np.int64]) -> None:
        """Add columns."""
        super().extend(refs)
        assert len(set(self.refs)) == len(self.refs), "a series is in the lane twice"


class MemoryStorage(memory.MemoryStorage):
    """Every sample of every series. ``lanes`` and ``batches`` tell how it got here."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: list[MemoryLane] = []
        self.batches: list[Batch] = []

    def open_lane(self, interval: int, phase: int) -> MemoryLane:
        """A new, empty lane."""
        self.lanes.append(MemoryLane(interval, phase))
        return self.lanes[-1]

    def append(self, batch: Batch) -> Appended:
        """Take a row and its points. A defect of the caller's is an ``AssertionError``, which nothing survives."""
        kept = Batch(batch.lane, batch.timestamp, batch.values.copy(), batch.points, batch.histograms)
        try:
            outcome = super().append(batch)
        except StorageError as error:
            raise AssertionError(str(error)) from error
        self.batches.append(kept)
        return outcome

    # --- for assertions; ``name`` stands for ``__name__`` -------------------------------------------------------------

    def samples(self, **labels: str) -> dict[Labels, list[tuple[int, float]]]:
        """Floats ``(ms, value)`` of the series that have these labels."""
        found = {}
        for one, track in self._having(labels):
            times, bits, _ = track.floats(-_FOREVER, _FOREVER)
            if times:
                values = np.array(bits, dtype=np.int64).view(np.float64)
                found[one] = list(zip(times, values.tolist(), strict=True))
        return found

    def histograms(self, **labels: str) -> dict[Labels, list[tuple[int, Histogram]]]:
        """The same for histograms."""
        return {one: list(track.histograms.items()) for one, track in self._having(labels) if track.histograms}

    def starts(self, **labels: str) -> dict[Labels, list[tuple[int, int]]]:
        """Start timestamps ``(ms, ms)`` that are known, by the sample's time."""
        return {one: list(track.starts.items()) for one, track in self._having(labels)}

    def _having(self, labels: dict[str, str]) -> list[tuple[Labels, Track]]:
        wanted = {"__name__" if name == "name" else name: value for name, value in labels.items()}
        pairs = [(one, self._tracks[ref]) for one, ref in self._refs.items()]
        return [(one, track) for one, track in pairs if wanted.items() <= dict(one).items() and track.times]


_: Storage = MemoryStorage()
