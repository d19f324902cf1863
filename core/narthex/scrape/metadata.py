"""What a target says of its metric families, for the metadata API."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from narthex.model.metadata import FamilyMetadata
from narthex.scrape.exposition import Entry, Help, Type, Unit

__all__ = ["MetadataTable"]

_KEPT_SCRAPES = 10
"""For so many scrapes a family that vanished is still told of (reference §4.6)."""


class MetadataTable:
    """The families of one target. Only a body whose comments changed costs anything here."""

    __slots__ = ("_families", "_gone")

    def __init__(self) -> None:
        self._families: dict[str, FamilyMetadata] = {}
        self._gone: dict[str, int] = {}

    def families(self) -> Mapping[str, FamilyMetadata]:
        """Metadata by family name."""
        return self._families

    def update(self, entries: Iterable[Entry], scrape: int) -> bool:
        """Take over what the comments of the ``scrape``-th body say; equal texts are stored once a process.

        Whether that changed anything.
        """
        said: dict[str, FamilyMetadata] = {}
        for entry in entries:
            match entry:
                case Type(metric, kind):
                    said[metric] = replace(said.get(metric, FamilyMetadata()), type=sys.intern(kind))
                case Help(metric, text):
                    said[metric] = replace(said.get(metric, FamilyMetadata()), help=sys.intern(text))
                case Unit(metric, unit):
                    said[metric] = replace(said.get(metric, FamilyMetadata()), unit=sys.intern(unit))
        gone = {name: self._gone.get(name, scrape) for name in self._families if name not in said}
        self._gone = {name: since for name, since in gone.items() if scrape - since < _KEPT_SCRAPES}
        kept = {name: self._families[name] for name in self._gone}
        before, self._families = self._families, {**kept, **{sys.intern(name): one for name, one in said.items()}}
        return self._families != before

    def adopt(self, families: Mapping[str, FamilyMetadata]) -> None:
        """Take over what another target with the same comments says."""
        self._families, self._gone = dict(families), {}

    def expire(self, scrape: int) -> bool:
        """Forget what vanished too long ago; whether there was something."""
        if not self._gone or scrape - min(self._gone.values()) < _KEPT_SCRAPES:
            return False
        for name in [one for one, since in self._gone.items() if scrape - since >= _KEPT_SCRAPES]:
            del self._gone[name]
            del self._families[name]
        return True
