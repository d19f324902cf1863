"""Classic histograms of a body as native ones with custom buckets (``convert_classic_histograms_to_nhcb``).

The samples of a classic histogram stand together; when another one begins, or anything else, what was collected is
complete. A histogram whose counts make no sense is left out, as Prometheus does: the rest of the body is still good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from narthex.errors import ExpositionError
from narthex.model.histogram import from_classic
from narthex.scrape.exposition import Entry, Exemplar, HistogramSeries, Series, Type, number
from narthex_plugins.exposition.samples import label_text

__all__ = ["with_custom_buckets"]

_PARTS = ("_bucket", "_count", "_sum")
_Identity = tuple[str, frozenset[tuple[str, str]]]


def with_custom_buckets(entries: Iterable[Entry], *, keep_classic: bool, timed_exemplars: bool = False) -> list[Entry]:
    """The entries with each classic histogram replaced by a native one, or followed by it.

    One whose exponential buckets stand before it in the body is not converted. ``timed_exemplars`` leaves out exemplars
    without a time, as the protobuf format does with those of native histograms.
    """
    converter = _Converter(keep_classic=keep_classic, timed_exemplars=timed_exemplars)
    for entry in entries:
        converter.take(entry)
    converter.finish()
    return converter.entries


@dataclass(slots=True)
class _Collected:
    """The samples of one classic histogram, so far."""

    identity: _Identity
    labels: dict[str, str]
    buckets: dict[float, float] = field(default_factory=dict)
    count: float | None = None
    sum: float = 0.0
    timestamp: int | None = None
    start: int | None = None
    exemplars: list[Exemplar] = field(default_factory=list)

    def add(self, entry: Series, part: str) -> None:
        if part == "_bucket":
            self.buckets[number(entry.labels["le"].encode())] = entry.value
        elif part == "_count":
            self.count = entry.value
        else:
            self.sum = entry.value
        self.timestamp = entry.timestamp
        self.start = entry.start_timestamp if self.start is None else self.start
        self.exemplars += entry.exemplars

    def converted(self) -> HistogramSeries:
        """Raises ``ValueError`` where the counts make no sense."""
        histogram = from_classic(self.buckets, self.count, self.sum)
        series = self.identity[0] + label_text(self.labels)
        return HistogramSeries(series, self.labels, histogram, self.timestamp, self.start, tuple(self.exemplars))


class _Converter:
    def __init__(self, *, keep_classic: bool, timed_exemplars: bool) -> None:
        self.entries: list[Entry] = []
        self._keep = keep_classic
        self._timed = timed_exemplars
        self._family = ""
        self._collected: _Collected | None = None
        self._exponential: _Identity | None = None

    def take(self, entry: Entry) -> None:
        part = self._part(entry) if isinstance(entry, Series) else None
        if isinstance(entry, Series) and part is not None:
            self._take_part(entry, part)
            return
        if isinstance(entry, Series) and entry.labels["__name__"] == f"{self._family}_created":
            self.entries.append(entry)  # it may stand among the others
            return
        self.finish()
        if isinstance(entry, Type):
            self._family = entry.metric if entry.type == "histogram" else ""
        elif isinstance(entry, HistogramSeries):
            self._exponential = _identity(entry.labels["__name__"], entry.labels)
        self.entries.append(entry)

    def _part(self, entry: Series) -> str | None:
        """Which part of the current family's histograms the sample is."""
        name = entry.labels["__name__"]
        if not self._family or not name.startswith(self._family):
            return None
        part = name[len(self._family) :]
        if part not in _PARTS or (part == "_bucket") != ("le" in entry.labels):
            return None
        return part if part != "_bucket" or _is_number(entry.labels["le"]) else None

    def _take_part(self, entry: Series, part: str) -> None:
        identity = _identity(self._family, entry.labels)
        if identity == self._exponential:
            self.entries.append(entry)
            return
        if self._collected is None or self._collected.identity != identity:
            self.finish()
            labels = {"__name__": self._family, **dict(sorted(identity[1]))}
            self._collected = _Collected(identity, labels)
        self._collected.add(entry, part)
        if self._timed:
            self._collected.exemplars = [one for one in self._collected.exemplars if one.timestamp is not None]
        if self._keep:
            self.entries.append(entry)

    def finish(self) -> None:
        """What was collected is complete."""
        collected, self._collected = self._collected, None
        if collected is not None:
            try:
                self.entries.append(collected.converted())
            except ValueError:
                return


def _is_number(text: str) -> bool:
    try:
        number(text.encode())
    except ExpositionError:
        return False
    return True


def _identity(family: str, labels: Mapping[str, str]) -> _Identity:
    return family, frozenset(pair for pair in labels.items() if pair[0] not in {"__name__", "le"})
