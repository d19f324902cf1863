"""Replaying one log. Each function takes what is good and says what was wrong, ``""`` for nothing.

A record whose checksum is right but whose content makes no sense ends the replay like a torn one: what follows may
refer to it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.storage.frames import NO_TIME, Points
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.histograms.columns import Sample
from narthex_plugins.tsdb.histograms.record import read_histograms
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.slab import HEIGHT, Placement, Slab

__all__ = ["replay_histograms", "replay_points", "replay_series", "replay_slab"]


def replay_series(path: Path, table: SeriesTable) -> str:
    """Load all series into a table that is empty."""

    def take(payload: memoryview) -> None:
        if payload[:1] != records.SERIES:
            raise ValueError(f"unexpected record of type {payload[0]}")
        table.load(records.read_series(payload))

    return _each(path, take)


def replay_slab(path: Path) -> tuple[Slab | None, str]:
    """Rebuild an open slab; None when not even its header is there."""
    reader = _SlabReader()
    damage = _each(path, reader.take)
    return reader.slab, damage


def replay_points(path: Path, live: NDArray[np.bool_]) -> tuple[list[Points], str]:
    """All points of series that are known; ``live`` is bool by reference."""
    found: list[Points] = []

    def take(payload: memoryview) -> None:
        if payload[:1] in (records.POINTS, records.STARTED):
            points = records.read_points(payload)
            known = points.series < len(live)
            known[known] = live[points.series[known]]
            starts = None if points.starts is None else points.starts[known]
            found.append(Points(points.series[known], points.times[known], points.values[known], starts))
        elif payload[:1] != records.HEADER:
            raise ValueError(f"unexpected record of type {payload[0]}")

    return found, _each(path, take)


def replay_histograms(path: Path, live: NDArray[np.bool_]) -> tuple[list[Sample], str]:
    """All histograms of series that are known."""
    found: list[Sample] = []

    def take(payload: memoryview) -> None:
        if payload[:1] == records.HISTOGRAMS:
            samples = list(read_histograms(payload).samples())
            found.extend(one for one in samples if one[0] < len(live) and live[one[0]])
        elif payload[:1] != records.HEADER:
            raise ValueError(f"unexpected record of type {payload[0]}")

    return found, _each(path, take)


class _SlabReader:
    """Makes the calls again that were made when the records were written."""

    def __init__(self) -> None:
        self.slab: Slab | None = None
        self._places: list[Placement] = []

    def take(self, payload: memoryview) -> None:
        kind = bytes(payload[:1])
        if self.slab is None:
            if kind != records.HEADER:
                raise ValueError("the log does not begin with its header")
            facts = json.loads(bytes(payload[1:]))
            if facts["version"] != records.VERSION:
                raise ValueError(f"version {facts['version']} is not known")
            self.slab = Slab(facts["number"], facts["interval"], facts["base"], 0)
        elif kind == records.LAYOUT:
            group, refs = records.read_layout(payload)
            if group < len(self._places):
                self.slab.extend(self._places[group], refs)
            elif group == len(self._places):
                self._places.append(self.slab.place(refs))
            else:
                raise ValueError(f"group {group} comes before group {len(self._places)}")
        elif kind == records.ROW:
            self._row(self.slab, payload)
        else:
            raise ValueError(f"unexpected record of type {payload[0]}")

    def _row(self, slab: Slab, payload: memoryview) -> None:
        group, row, timestamp, values = records.read_row(payload)
        place = self._places[group]
        if row >= HEIGHT or timestamp == NO_TIME or len(values) != place.width:
            raise ValueError(f"a row that does not fit: {len(values)} values for {place.width} columns in row {row}")
        slab.write(place, row, timestamp, values)


def _each(path: Path, take: Callable[[memoryview], None]) -> str:
    for number, record in enumerate(records.records(path)):
        if isinstance(record, records.Damage):
            return f"dropped the last {record.dropped} bytes, from {record.offset} on"
        try:
            take(record)
        except (ValueError, KeyError, IndexError, TypeError, struct.error) as error:
            return f"dropped everything from record {number} on: {error}"
    return ""
