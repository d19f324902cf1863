"""Metadata on disk: what targets said of their families, one record for each change, so it stays small.

A page of families that is in the file already is named by its number; pages are numbered by first appearance. The file
is written anew at every start, and when most of its records are outdated.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from isal import isal_zlib

from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.storage.metadata import MetadataBook, MetadataEntry, Page
from narthex_plugins.tsdb.journal import Journal
from narthex_plugins.tsdb.records import Damage, records

__all__ = ["METADATA", "KeptMetadata", "MetadataRecords", "replay_metadata"]

METADATA = b"\x08"
_HEAD = struct.Struct("<Iq")
_LARGEST = 64 << 20

_CHANGES = 1000
"""Records, beside one for each target, that the log may have."""


class KeptMetadata:
    """A book whose changes are logged."""

    def __init__(self, book: MetadataBook | None = None) -> None:
        self.book = MetadataBook() if book is None else book
        self._changes = 0

    def note(self, target: Labels, families: Mapping[str, FamilyMetadata], journal: Journal) -> None:
        """What a target says from now on."""
        self._log(target, self.book.note(target, families), journal)

    def end(self, target: Labels, now: int, journal: Journal) -> None:
        """The target is gone at ``now`` (ms)."""
        self._log(target, self.book.end(target, now), journal)

    def tidy(self, before: int, begin_anew: Callable[[MetadataBook], None]) -> None:
        """Forget targets that ended before a time (ms); begin the log anew when most of it is outdated."""
        self._changes += self.book.expire(before)
        if self._changes > _CHANGES + len(self.book.entries()):
            self._changes = 0
            begin_anew(self.book)

    def _log(self, target: Labels, entry: MetadataEntry | None, journal: Journal) -> None:
        if entry is not None:
            self._changes += 1
            journal.metadata(target, entry)


class MetadataRecords:
    """Makes the payloads of one file; used by the thread that writes it, in the order of the records."""

    def __init__(self) -> None:
        self._numbers: dict[Page, int] = {}

    def payload(self, target: Labels, entry: MetadataEntry) -> bytes:
        """What a target says from now on."""
        number = self._numbers.get(entry.page)
        told: dict[str, object] = {"target": dict(target)}
        if number is None:
            number = self._numbers[entry.page] = len(self._numbers)
            told["families"] = [[name, one.type, one.help, one.unit] for name, one in entry.page]
        text = json.dumps(told, separators=(",", ":")).encode()
        return METADATA + _HEAD.pack(number, entry.ended) + isal_zlib.compress(text, 1)

    def all(self, book: MetadataBook) -> list[bytes]:
        """The payloads of a file that begins anew."""
        self._numbers = {}
        return [self.payload(target, entry) for target, entry in book.entries()]


def replay_metadata(path: Path, book: MetadataBook) -> str:
    """Take what is good of a log; says what was wrong with it, ``""`` for nothing. Raises ``OSError``."""
    pages: list[Page] = []
    for number, record in enumerate(records(path)):
        if isinstance(record, Damage):
            return f"dropped the last {record.dropped} bytes, from {record.offset} on"
        try:
            _take(record, pages, book)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
            return f"dropped everything from record {number} on: {error}"
    return ""


def _take(record: memoryview, pages: list[Page], book: MetadataBook) -> None:
    if record[:1] != METADATA:
        raise ValueError(f"unexpected record of type {record[0]}")
    number, ended = _HEAD.unpack_from(record, 1)
    try:
        text = isal_zlib.decompressobj().decompress(record[1 + _HEAD.size :], _LARGEST)
    except isal_zlib.error as error:  # type: ignore[misc]  # isal ships no type information
        raise ValueError(str(error)) from error
    told = json.loads(text)
    if "families" in told:
        if number != len(pages):
            raise ValueError(f"page {number} comes after {len(pages)}")
        pages.append(tuple((name, FamilyMetadata(*one)) for name, *one in told["families"]))
    book.put(Labels(told["target"]), MetadataEntry(pages[number], ended))
