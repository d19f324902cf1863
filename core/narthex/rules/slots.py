"""When a group is evaluated: at fixed slots on the absolute time line.

A group's place within its interval is a hash of its file and name. So groups spread over the interval, and each keeps
its place over restarts and on every replica. All times are milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

from narthex.model.labels import fnv1a

__all__ = ["Next", "first_slot", "next_slot", "offset"]


def offset(file: str, name: str, interval: int) -> int:
    """The group's place within its interval, ms."""
    return fnv1a(file.encode() + b"\xff" + name.encode()) % interval


def first_slot(now: int, interval: int, place: int) -> int:
    """The first slot after ``now``."""
    return (now - place) // interval * interval + place + interval


@dataclass(frozen=True, slots=True)
class Next:
    """The slot to evaluate next, and how many slots before it went by unused."""

    slot: int
    missed: int


def next_slot(previous: int, now: int, interval: int, place: int) -> Next:
    """The slot after ``previous``, given that its evaluation ended at ``now``.

    When the evaluation took longer than the interval, the newest slot that has begun is evaluated at once and late, and
    the ones between are missed. When the machine's clock was set back, slots begin anew from there.
    """
    if now < previous - interval:
        return Next(first_slot(now, interval, place), 0)
    begun = max(1, (now - previous) // interval)
    return Next(previous + begun * interval, begun - 1)
