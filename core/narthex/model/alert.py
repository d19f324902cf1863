"""An alert as it is handed from the rules to receivers and Alertmanagers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from narthex.model.labels import EMPTY, Labels

__all__ = ["Alert"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert at one moment. Times are seconds since the Unix epoch.

    ``ends_at`` lies in the past for a resolved alert; for a firing one it is the time at which the receiver may take it
    for resolved if it hears nothing more.
    """

    labels: Labels
    annotations: Labels = EMPTY
    starts_at: float = 0.0
    ends_at: float = 0.0
    generator_url: str = ""

    def is_resolved(self, now: float) -> bool:
        """Whether the alert has ended at ``now``."""
        return 0 < self.ends_at <= now

    def with_labels(self, labels: Mapping[str, str]) -> Alert:
        """The same alert under other labels."""
        return replace(self, labels=Labels(labels))
