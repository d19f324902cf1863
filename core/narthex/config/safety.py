"""Limits that stop a bad answer of a discovery from taking targets away (``narthex: {discovery: …}``).

The global section has the defaults; a job's section changes some of them. What each limit does, and why its default is
what it is, stands in ``docs/explanation/discovery-safety.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from narthex.config.types import Count, Duration, Size

__all__ = ["DiscoverySafety", "JobDiscoverySafety", "Share"]

DEFAULT_HOLD = Duration(300_000)
"""How long removals wait where nothing else is said, ms."""

_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


class Share(float):
    """A share from 0 to 1, written ``50%`` or ``0.5``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read a share. Raises ``ValueError`` saying what was expected."""
        percent = _PERCENT.fullmatch(text)
        try:
            value = float(percent[1]) / 100 if percent else float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise ValueError(f"expected a share such as 50% or 0.5, got {text!r}")
        return cls(value)

    def __str__(self) -> str:
        return f"{float(self) * 100:.10g}%"


@dataclass(frozen=True, slots=True)
class DiscoverySafety:
    """Limits on what one update of a discovery block may do to a job's targets.

    An update that leaves fewer targets, by more than ``max_drop`` of those the block had found, or, without
    ``allow_empty``, none of them, is held: what it adds is taken at once, what it removes stays for ``hold``. With a
    ``hold`` of 0 nothing is held, as in Prometheus; left out it is 5m, and 0 for kinds whose removals are said on
    purpose (files, mDNS goodbyes). An update of more than ``max_groups`` groups, ``max_targets``
    targets or ``max_bytes`` of labels is refused; 0 means no limit. ``keep_on_disk`` keeps the targets over a restart
    until the block has answered, unless they are older than ``max_age``. With ``skip_bad_entries`` a bad entry of an
    answer is left out and counted, where otherwise the whole answer is refused.
    """

    max_drop: Share = Share(0.5)
    hold: Duration | None = None
    allow_empty: bool = False
    keep_on_disk: bool = True
    max_age: Duration = Duration(86_400_000)
    skip_bad_entries: bool = False
    max_groups: Count = Count(0)
    max_targets: Count = Count(0)
    max_bytes: Size = Size(0)

    @property
    def patience(self) -> Duration:
        """The hold in effect."""
        return DEFAULT_HOLD if self.hold is None else self.hold

    def for_kind(self, *, deliberate: bool) -> DiscoverySafety:
        """These limits for one kind: where removals are said on purpose, only an explicit ``hold`` doubts them."""
        return replace(self, hold=Duration(0)) if deliberate and self.hold is None else self


@dataclass(frozen=True, slots=True)
class JobDiscoverySafety:
    """The limits that one job has otherwise than the global ``narthex`` section says; what is left out is as there."""

    max_drop: Share | None = None
    hold: Duration | None = None
    allow_empty: bool | None = None
    keep_on_disk: bool | None = None
    max_age: Duration | None = None
    skip_bad_entries: bool | None = None
    max_groups: Count | None = None
    max_targets: Count | None = None
    max_bytes: Size | None = None

    def over(self, defaults: DiscoverySafety) -> DiscoverySafety:
        """The limits in effect."""
        own = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}
        return replace(defaults, **own)
