"""A book of metadata of metric families (TYPE, HELP, UNIT), for storages that keep it beside the samples.

A target says the same of its families at every scrape, and so do all targets that run the same exporter. So storages
are told of changes only, and the book below holds one *page*, what is said of all families together, however many
targets say it. What a target said is kept for as long as the samples it may belong to: the retention, counted from when
the target ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata

__all__ = ["ACTIVE", "MetadataBook", "MetadataEntry", "Page"]

ACTIVE = 0
"""In ``ended``: the target goes on."""

Page = tuple[tuple[str, FamilyMetadata], ...]
"""Families by name, sorted; equal pages of a book are one object."""


@dataclass(frozen=True, slots=True)
class MetadataEntry:
    """What one target says; ``ended`` is when it stopped to, in ms since the epoch, or ``ACTIVE``."""

    page: Page
    ended: int = ACTIVE


class MetadataBook:
    """Entries by target. The event loop writes, any thread may read."""

    def __init__(self) -> None:
        self._entries: dict[Labels, MetadataEntry] = {}
        self._pages: dict[Page, Page] = {}

    def note(self, target: Labels, families: Mapping[str, FamilyMetadata]) -> MetadataEntry | None:
        """The new entry of a target; None when nothing has changed."""
        return self.put(target, MetadataEntry(tuple(sorted(families.items(), key=lambda one: one[0]))))

    def end(self, target: Labels, now: int) -> MetadataEntry | None:
        """The target is gone at ``now`` (ms): its entry, None where there is none that is active."""
        entry = self._entries.get(target)
        return None if entry is None or entry.ended else self.put(target, MetadataEntry(entry.page, now))

    def put(self, target: Labels, entry: MetadataEntry) -> MetadataEntry | None:
        """Replace the entry of a target; what holds from now on, or None when nothing has changed."""
        if self._entries.get(target) == entry:
            return None
        page = self._pages.setdefault(entry.page, entry.page)
        entry = self._entries[target] = MetadataEntry(page, entry.ended)
        return entry

    def interrupt(self, now: int) -> None:
        """Nobody knows of any target whether it goes on, as after a start: all ended at ``now`` until they speak."""
        for target in list(self._entries):
            self.end(target, now)

    def expire(self, before: int) -> int:
        """Forget targets that ended earlier than ``before`` (ms); how many."""
        gone = [target for target, entry in self._entries.items() if ACTIVE < entry.ended < before]
        for target in gone:
            del self._entries[target]
        if gone:
            used = {id(entry.page) for entry in self._entries.values()}
            self._pages = {page: page for page in self._pages.values() if id(page) in used}
        return len(gone)

    def entries(self) -> Sequence[tuple[Labels, MetadataEntry]]:
        """All entries, as they are at this moment."""
        return list(self._entries.items())

    def families(self, metric: str = "") -> dict[str, list[FamilyMetadata]]:
        """See :meth:`narthex.storage.protocol.KnowsMetadata.metadata`."""
        pages = {id(entry.page): entry.page for _, entry in self.entries()}
        found: dict[str, dict[FamilyMetadata, None]] = {}
        for name, family in _each(pages.values()):
            if not metric or name == metric:
                found.setdefault(name, {})[family] = None
        return {name: list(several) for name, several in found.items()}


def _each(pages: Iterable[Page]) -> Iterator[tuple[str, FamilyMetadata]]:
    for page in pages:
        yield from page
