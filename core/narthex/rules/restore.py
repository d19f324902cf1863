"""Find out after a restart since when alerts had been active (reference §5.4, "Series and restart").

The series ``ALERTS_FOR_STATE`` hold it: the value is the time at which the alert became active, the sample's own time
tells when the server was last alive. What the server slept through does not count as pending time, unless the alert was
to fire anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import is_missing, is_stale
from narthex.rules.alerting import ActiveAlert, Alerts
from narthex.rules.expansion import is_template
from narthex.storage.frames import NO_TIME, Frame, Selection
from narthex.storage.protocol import Storage

__all__ = ["STATE_METRIC", "LastSeen", "last_seen", "restored", "restored_active_at"]

STATE_METRIC = "ALERTS_FOR_STATE"


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The last sample of an alert's state series: active since ``active_at``, last seen at ``time`` (both ms)."""

    active_at: int
    time: int


def restored(
    alerts: Alerts, seen: Mapping[Labels, LastSeen], now: int, hold: int, grace: int
) -> dict[Labels, ActiveAlert]:
    """The alerts with their old active times, where the storage knows them."""
    after = dict(alerts)
    for labels, alert in alerts.items():
        if labels in seen:
            after[labels] = replace(alert, active_at=restored_active_at(seen[labels], now, hold, grace))
    return after


def restored_active_at(seen: LastSeen, now: int, hold: int, grace: int) -> int:
    """Since when the alert counts as active, all in ms.

    An alert that had already been due to fire keeps its time and fires at the next evaluation. One with less than the
    grace period to go fires one grace period from now. Any other goes on where it stopped.
    """
    remaining = hold - (seen.time - seen.active_at)
    if remaining <= 0:
        return seen.active_at
    if remaining < grace:
        return now + grace - hold
    return seen.active_at + now - seen.time


def last_seen(storage: Storage, alert: str, labels: Mapping[str, str], start: int, end: int) -> dict[Labels, LastSeen]:
    """By the alerts' labels, what the storage last heard of them between ``start`` and ``end`` (ms, inclusive).

    A series that ended with a stale marker is left out: its alert was over before the restart. Reads the storage, so
    call it in a worker thread.
    """
    wanted = {"__name__": STATE_METRIC, "alertname": alert}
    wanted |= {name: text for name, text in labels.items() if not is_template(text)}
    matchers = [Matcher(MatchOp.EQUAL, name, text) for name, text in wanted.items()]
    selection = storage.select(matchers, start, end)
    times, values = _last_samples(selection, start, end)
    usable = np.nonzero((times != NO_TIME) & ~is_stale(values))[0]
    return {
        selection.labels.labels(row).without(("__name__",)): LastSeen(int(values[row]) * 1000, int(times[row]))
        for row in usable.tolist()
    }


def _last_samples(selection: Selection, start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Time and value of each series' last sample in the window; the time is ``NO_TIME`` where it has none."""
    times = np.full(selection.labels.rows, NO_TIME, dtype=np.int64)
    values = np.zeros(selection.labels.rows)
    for frame in selection.frames:
        _keep_later(times, values, frame.series, *_last_of_frame(frame, start, end))
    points = selection.points
    inside = (points.times >= start) & (points.times <= end)
    # points come in order of time, and of equal indices numpy keeps the last assignment
    _keep_later(times, values, points.series[inside], points.times[inside], points.values[inside])
    return times, values


def _keep_later(
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    rows: NDArray[np.int64],
    new_times: NDArray[np.int64],
    new_values: NDArray[np.float64],
) -> None:
    later = (new_times != NO_TIME) & (new_times >= times[rows])
    times[rows[later]] = new_times[later]
    values[rows[later]] = new_values[later]


def _last_of_frame(frame: Frame, start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    cells = frame.window(0, len(frame.matrix))
    times = frame.times[:, frame.group]
    usable = (times != NO_TIME) & (times >= start) & (times <= end) & ~is_missing(cells)
    if not len(cells):
        return np.full(len(frame.series), NO_TIME, dtype=np.int64), np.zeros(len(frame.series))
    last = len(cells) - 1 - np.argmax(usable[::-1], axis=0)
    every = np.arange(len(frame.series))
    return np.where(usable.any(axis=0), times[last, every], NO_TIME), cells[last, every]
