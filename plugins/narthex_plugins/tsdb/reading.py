"""A data directory opened for reading only, without a lock, beside a server that may be writing to it.

What is seen is what was written when it was opened (:mod:`.survey`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.model.metadata import FamilyMetadata
from narthex.storage.frames import Selection
from narthex.storage.protocol import StorageStats, StoredData
from narthex_plugins.tsdb.cardinality import table_counts
from narthex_plugins.tsdb.parts import Parts
from narthex_plugins.tsdb.points import PointStore
from narthex_plugins.tsdb.selecting import Reader
from narthex_plugins.tsdb.survey import Contents, survey
from narthex_plugins.tsdb.tombstones import Tombstones

__all__ = ["StoredTsdb", "read_directory"]

log = logging.getLogger(__name__)


def read_directory(path: Path) -> StoredTsdb:
    """Open a data directory. Raises ``StorageError`` when it is none; damage inside is logged and left out."""
    contents = survey(path)
    for what in contents.damage:
        log.warning("damaged data was left out", extra={"damage": what, "directory": str(path)})
    return StoredTsdb(contents)


class StoredTsdb:
    """See :class:`narthex.storage.protocol.StoredData`."""

    def __init__(self, contents: Contents) -> None:
        parts, points, tombstones = Parts(), PointStore(), Tombstones()
        parts.exchange((), contents.slabs, contents.blocks)
        for run in contents.runs:
            points.replace((), run)
        for one in contents.points:
            points.restore(one)
        self._metadata = contents.metadata
        runs = points.freeze()
        tombstones.deletions = contents.deletions
        self._reader: Reader | None = Reader(contents.table, parts, points, contents.histograms, tombstones)
        held = [*contents.slabs, *runs, *contents.blocks, *contents.histograms.freeze()]
        self._chunks = sum(slab.columns for slab in contents.slabs) + sum(block.pages for block in contents.blocks)
        self._bounds = min((one.min_time for one in held), default=0), max((one.max_time for one in held), default=0)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().select(matchers, start, end)

    def histogram_weight(self, matchers: Sequence[Matcher], start: int, end: int) -> int:
        """See :class:`narthex.storage.protocol.WeighsHistograms`."""
        return self._open().histogram_weight(matchers, start, end)

    def label_names(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().label_names(matchers, start, end)

    def label_values(self, name: str, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().label_values(name, matchers, start, end)

    def series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[Labels]:
        """See :class:`narthex.storage.protocol.StorageReader`."""
        return self._open().series(matchers, start, end)

    def stats(self, limit: int) -> StorageStats:
        """See :class:`narthex.storage.protocol.StorageReader`; blocks are counted too.

        Chunks are what a query decodes: columns of slabs, in blocks pages of values and segments of histograms.
        """
        low, high = self._bounds
        return table_counts(self._open().labels([], low, high), limit, self._chunks, low, high)

    def metadata(self, metric: str = "") -> Mapping[str, Sequence[FamilyMetadata]]:
        """See :class:`narthex.storage.protocol.KnowsMetadata`."""
        return self._metadata.families(metric)

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        self._reader = None

    def _open(self) -> Reader:
        if self._reader is None:
            raise StorageError("the database is closed")
        return self._reader


_: type[StoredData] = StoredTsdb
