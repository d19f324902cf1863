"""What becomes of discovered targets: active, dropped or failed; and how, where a trace was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.relabel.rules import Step

__all__ = ["DroppedTarget", "FailedTarget", "TargetSet", "TargetTrace"]


@dataclass(frozen=True, slots=True)
class DroppedTarget:
    """A target that relabeling dropped. ``rule`` counts from 0; None: it was left without public labels."""

    job: str
    discovered: Labels
    rule: int | None


@dataclass(frozen=True, slots=True)
class FailedTarget:
    """A target that cannot be scraped as it is. ``error`` is worded as Prometheus's; ``source`` names the group."""

    job: str
    discovered: Labels
    error: str
    provider: str
    source: str
    index: int

    def __str__(self) -> str:
        return f"instance {self.index} in group {self.source}: {self.error}"


@dataclass(frozen=True, slots=True)
class TargetTrace:
    """How one discovered target fared: where it came from, every relabel step, and what became of it."""

    provider: str
    source: str
    index: int
    discovered: Labels
    steps: tuple[Step, ...]
    result: Target | DroppedTarget | FailedTarget


@dataclass(frozen=True, slots=True)
class TargetSet:
    """Everything that came of one job's groups, in the groups' order.

    ``duplicates`` counts targets that equal an earlier one. ``dropped`` is complete; the caller keeps as many as
    ``keep_dropped_targets`` says. ``traces`` is filled when asked for, duplicates included.
    """

    job: str
    active: tuple[Target, ...] = ()
    dropped: tuple[DroppedTarget, ...] = ()
    failed: tuple[FailedTarget, ...] = ()
    duplicates: int = 0
    traces: tuple[TargetTrace, ...] = ()
