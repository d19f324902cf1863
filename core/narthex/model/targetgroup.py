"""What discovery publishes: target groups, each under a source.

The protocol is Prometheus's: a group replaces whatever its source published before, and a group without targets
retracts the source. Sources are names within one running discoverer; two discoverers cannot collide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SourcedGroup", "TargetGroup"]


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets that share labels.

    ``targets`` are label sets, each holding ``__address__``; ``labels`` are common to all of them, and a label of the
    target itself wins over a common one.
    """

    source: str
    targets: tuple[Mapping[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_retraction(self) -> bool:
        """Whether this group takes its source's targets away."""
        return not self.targets


@dataclass(frozen=True, slots=True)
class SourcedGroup:
    """A group and the running discoverer that published it, such as ``file/0``; together they name its origin."""

    provider: str
    group: TargetGroup
