"""What the API tells about scraping: plain values, taken when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from narthex.model.metadata import FamilyMetadata
from narthex.model.target import Target
from narthex.targets import DroppedTarget, FailedTarget

__all__ = ["Health", "PoolStatus", "TargetStatus"]

Health = Literal["unknown", "up", "down"]


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One target. ``last_scrape`` is ms since the epoch (0: none yet), ``last_duration`` seconds."""

    target: Target
    health: Health = "unknown"
    last_error: str = ""
    last_scrape: int = 0
    last_duration: float = 0.0
    metadata: Mapping[str, FamilyMetadata] | None = None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """One job. ``dropped`` holds at most ``keep_dropped_targets`` of the ``dropped_count`` targets."""

    job: str
    targets: Sequence[TargetStatus] = ()
    dropped: Sequence[DroppedTarget] = ()
    dropped_count: int = 0
    failed: Sequence[FailedTarget] = ()
