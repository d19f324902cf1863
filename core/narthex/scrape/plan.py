"""What becomes of each sample of a body that was read in earnest, decided before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from narthex.model.labels import Labels
from narthex.model.sample import NORMAL_NAN
from narthex.scrape.identity import SeriesIdentity
from narthex.scrape.lines import NEVER
from narthex.scrape.reading import Parsed, Reading, Stamped
from narthex.scrape.row import BIN

__all__ = ["FUTURE", "Counts", "Plan", "Point"]

Point = tuple[int, int, float]
"""Series reference, time in ms, value."""

FUTURE = 10 * 60 * 1000
"""Samples stamped further ahead (ms) than this are dropped."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many samples the body held, how many relabeling left, how many series are new; and what was not stored."""

    scraped: int = 0
    kept: int = 0
    added: int = 0
    duplicates: int = 0
    out_of_bounds: int = 0
    exemplars_refused: int = 0
    histograms_refused: int = 0

    def __add__(self, other: Counts) -> Counts:
        """The counts of two parts of a body together."""
        return Counts(
            self.scraped + other.scraped,
            self.kept + other.kept,
            self.added + other.added,
            self.duplicates + other.duplicates,
            self.out_of_bounds + other.out_of_bounds,
            self.exemplars_refused + other.exemplars_refused,
            self.histograms_refused + other.histograms_refused,
        )


class Plan:
    """Sorts samples into the row and points, and finds out which series are new.

    ``known`` maps what stands before a value to a cell, ``point_refs`` the same of samples with timestamps to a
    reference, None for a dropped one. Raises ``ScrapeError`` for labels that cannot be stored. ``places`` and
    ``values`` are the row's samples.
    """

    def __init__(
        self,
        reading: Reading,
        known: Mapping[bytes, int],
        point_refs: Mapping[bytes, int | None],
        identity: SeriesIdentity,
        *,
        honor: bool,
    ) -> None:
        self._reading = reading
        self._point_refs = point_refs
        self.places = list(reading.places)
        self.values = list(reading.values)
        self.new_labels: list[Labels] = []
        self.new_point_labels: list[Labels] = []
        self._new: list[int] = []
        self._new_texts: set[str] = set()
        self._stamped = list(reading.stamped)
        self._new_points: dict[bytes, Labels | None] = {}
        for sample in reading.parsed:
            if honor and sample.entry.timestamp is not None:
                self._take_point(sample, identity)
            else:
                self._take(sample, known, identity)

    def _take(self, sample: Parsed, known: Mapping[bytes, int], identity: SeriesIdentity) -> None:
        reading, place, value = self._reading, sample.place, sample.entry.value
        reading.prefixes[place] = sample.prefix
        self.places.append(place)
        self.values.append(stored(value))
        cell = known.get(sample.prefix)
        if cell is not None:
            reading.cells[place] = cell
            return
        labels = identity.of(sample.entry.labels)
        if labels is not None:
            self._new.append(place)
            self._new_texts.add(sample.entry.series)
            self.new_labels.append(labels)

    def _take_point(self, sample: Parsed, identity: SeriesIdentity) -> None:
        entry = sample.entry
        assert entry.timestamp is not None  # only such samples are points
        prefix = sample.prefix if sample.prefix != NEVER else entry.series.encode()
        self._stamped.append(Stamped(sample.place, prefix, stored(entry.value), entry.timestamp))
        if prefix not in self._point_refs and prefix not in self._new_points:
            labels = identity.of(entry.labels)
            self._new_points[prefix] = labels
            if labels is not None:
                self.new_point_labels.append(labels)

    def counts(self, sample_limit: int, latest: int, gone: Collection[bytes] = ()) -> Counts:
        """The samples of the body. A series is new once, but not behind ``sample_limit`` (0: none) nor ``latest`` (ms).

        What the last body did not have, ``gone``, is new again when it comes back, as in Prometheus.
        """
        cells, new = self._reading.cells, set(self._new)
        kept = [place for place in self.places if cells[place] != BIN or place in new]
        kept_points = [one.place for one in self._stamped if self._is_kept(one.prefix)]
        firsts = {labels: place for place, labels in zip(reversed(self._new), reversed(self.new_labels), strict=True)}
        for one in sorted(self._stamped, key=lambda one: -one.place) if self._new_points else ():
            labels = self._new_points.get(one.prefix)
            if labels is not None and one.timestamp <= latest:
                firsts[labels] = one.place
        begins = set(firsts.values())
        if gone:
            prefixes = self._reading.prefixes
            begins.update(place for place in kept if prefixes[place] in gone)
        in_order = sorted(place for place in kept + kept_points if place not in new or place in begins)
        known_cells = [cells[place] for place in kept if place not in new]
        # One series under two texts is not found out before the limit is checked, in Prometheus neither.
        repeats = len(known_cells) - len(set(known_cells)) + len(self._new) - len(self._new_texts)
        return Counts(
            scraped=len(self.places) + len(self._stamped),
            kept=len(kept) + len(kept_points),
            added=sum(place in begins for place in in_order[: sample_limit or None]),
            duplicates=repeats,
        )

    def _is_kept(self, prefix: bytes) -> bool:
        return self._point_refs.get(prefix) is not None or self._new_points.get(prefix) is not None

    def place(self, cells: Sequence[int]) -> None:
        """Enter the cells of the new series."""
        for place, cell in zip(self._new, cells, strict=True):
            self._reading.cells[place] = cell

    def drop_duplicates(self) -> int:
        """Send the later ones of samples for one cell to the bin; how many.

        Their lines lose their series text: which of them is the later one has to be found out again on any change.
        """
        cells, prefixes = self._reading.cells, self._reading.prefixes
        taken = [cells[place] for place in self.places if cells[place] != BIN]
        seen: set[int] = set()
        if len(set(taken)) == len(taken):
            return 0
        for place in sorted(self.places):
            cell = cells[place]
            if cell in seen:
                cells[place], prefixes[place] = BIN, NEVER
            elif cell != BIN:
                seen.add(cell)
        return len(taken) - len(seen)

    def points(self, refs: Sequence[int]) -> tuple[list[Point], dict[bytes, int | None]]:
        """The samples with timestamps, given the references of the new series; and all references by prefix."""
        given = iter(refs)
        new = {prefix: None if labels is None else int(next(given)) for prefix, labels in self._new_points.items()}
        known = {**self._point_refs, **new}
        here = {one.prefix: known[one.prefix] for one in self._stamped}
        found: list[Point] = []
        for sample in sorted(self._stamped, key=lambda one: one.place):
            ref = here[sample.prefix]
            if ref is not None:
                found.append((ref, sample.timestamp, sample.value))
        return found, here


def stored(value: float) -> float:
    """``value`` as it is stored: any NaN becomes the normal one."""
    return value if value == value else float(NORMAL_NAN)  # noqa: PLR0124 -- not equal to itself: a NaN
