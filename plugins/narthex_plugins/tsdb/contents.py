"""What there is in a database: who moves samples from one form to the next is handed all of it."""

from __future__ import annotations

from dataclasses import dataclass

from narthex_plugins.tsdb.histograms.store import HistogramStore
from narthex_plugins.tsdb.parts import Parts
from narthex_plugins.tsdb.points import PointStore
from narthex_plugins.tsdb.tombstones import Tombstones

__all__ = ["Contents"]


@dataclass(frozen=True, slots=True)
class Contents:
    """Rows and blocks, points and histograms that are in no block, and what was deleted of all that."""

    parts: Parts
    points: PointStore
    histograms: HistogramStore
    tombstones: Tombstones
