"""What to compact, as pure decisions over the ranges that blocks cover (reference §7.2).

The head hands out blocks of two hours, aligned to the epoch. Three of a level make one of the next, as long as the
next does not span more than a tenth of the retention or 31 days; a level's blocks are joined once a newer block begins
behind them. Blocks that overlap in time, which late samples and imports make, are joined whatever their level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["RANGE", "Extent", "compactable", "expired", "levels", "next_merge", "oversized", "range_of"]

RANGE = 2 * 3_600_000
"""Milliseconds of samples in a block of the first level."""

_FACTOR = 3
_LONGEST = 31 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Extent:
    """What planning knows of a block: its number, the range it stands for, its newest sample, its bytes.

    Ranges are in ms, the end exclusive, both multiples of :data:`RANGE`. The last row of a block may lie a moment
    behind its range: rows are taken by slot.
    """

    number: int
    start: int
    end: int
    max_time: int
    size: int = 0


def range_of(time: int) -> int:
    """The start of the two hours that a moment lies in."""
    return time // RANGE * RANGE


def compactable(start: int, newest: int) -> bool:
    """Whether the head may give up the two hours from ``start``: the newest sample is an hour behind their end."""
    return newest >= start + RANGE + RANGE // 2


def levels(retention: int) -> list[int]:
    """The spans that blocks grow to, in ms, smallest first."""
    longest = max(RANGE, min(_LONGEST, retention // 10))
    spans = [RANGE]
    while spans[-1] * _FACTOR <= longest:
        spans.append(spans[-1] * _FACTOR)
    return spans


def next_merge(blocks: Sequence[Extent], retention: int) -> list[int]:
    """Numbers of the blocks to join next, in order of time; empty when there is nothing to do."""
    ordered = sorted(blocks, key=lambda one: (one.start, one.number))
    return _overlapping(ordered) or _complete(ordered, retention)


def _overlapping(ordered: Sequence[Extent]) -> list[int]:
    """The first run of blocks whose ranges overlap."""
    run: list[Extent] = []
    end = 0
    for block in ordered:
        if run and block.start < end:
            run.append(block)
            end = max(end, block.end)
        elif len(run) > 1:
            break
        else:
            run, end = [block], block.end
    return [one.number for one in run] if len(run) > 1 else []


def _complete(ordered: Sequence[Extent], retention: int) -> list[int]:
    newest = ordered[-1].start if ordered else 0
    for span in levels(retention)[1:]:
        groups: dict[int, list[Extent]] = {}
        for block in ordered:
            start = block.start // span * span
            if block.end <= start + span:
                groups.setdefault(start, []).append(block)
        for start, members in groups.items():
            if len(members) > 1 and newest >= start + span:
                return [one.number for one in members]
    return []


def expired(blocks: Sequence[Extent], before: int) -> list[int]:
    """Blocks that hold nothing newer than ``before``."""
    return [one.number for one in blocks if one.max_time < before]


def oversized(blocks: Sequence[Extent], others: int, limit: int) -> list[int]:
    """Blocks to remove, oldest first, until all files together take at most ``limit`` bytes (0: no limit).

    ``others`` are the bytes of files that are no blocks: they count, but are not removed.
    """
    if not limit:
        return []
    total = others + sum(one.size for one in blocks)
    gone = []
    for block in sorted(blocks, key=lambda one: one.max_time):
        if total <= limit:
            break
        gone.append(block.number)
        total -= block.size
    return gone
