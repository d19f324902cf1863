"""What the storage tells about changes, and the journal that keeps nothing: samples live in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.storage.frames import Points
from narthex.storage.metadata import MetadataEntry
from narthex_plugins.tsdb.histograms.columns import Sample
from narthex_plugins.tsdb.series import NewSeries
from narthex_plugins.tsdb.slab import Slab

__all__ = ["Journal", "NoJournal"]


class Journal(Protocol):
    """Called from the event loop; every call returns without waiting."""

    def series(self, new: NewSeries) -> None:
        """Series were registered."""

    def begin_slab(self, slab: Slab) -> None:
        """A slab was opened."""

    def layout(self, slab: Slab, group: int, refs: NDArray[np.int64]) -> None:
        """The group got these further columns."""

    def row(self, slab: Slab, group: int, row: int, timestamp: int, values: NDArray[np.float64]) -> None:
        """The group got this row."""

    def points(self, points: Points) -> None:
        """These points were accepted."""

    def histograms(self, samples: Sequence[Sample]) -> None:
        """These histograms were accepted."""

    def metadata(self, target: Labels, entry: MetadataEntry) -> None:
        """What a target says of its metric families has changed."""


class NoJournal:
    """Forgets everything."""

    def series(self, new: NewSeries) -> None:
        """Series were registered."""

    def begin_slab(self, slab: Slab) -> None:
        """A slab was opened."""

    def layout(self, slab: Slab, group: int, refs: NDArray[np.int64]) -> None:
        """The group got these further columns."""

    def row(self, slab: Slab, group: int, row: int, timestamp: int, values: NDArray[np.float64]) -> None:
        """The group got this row."""

    def points(self, points: Points) -> None:
        """These points were accepted."""

    def histograms(self, samples: Sequence[Sample]) -> None:
        """These histograms were accepted."""

    def metadata(self, target: Labels, entry: MetadataEntry) -> None:
        """What a target says of its metric families has changed."""


_: Journal = NoJournal()
