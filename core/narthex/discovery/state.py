"""What can be said about a running discoverer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from narthex.plugins.catalog import Origin

__all__ = ["DiscovererStatus", "Settings", "State"]


class State(Enum):
    """How a discoverer fares. Its groups stay in force in every state but ``STOPPED``."""

    STARTING = "starting"  # running, nothing published yet
    OK = "ok"
    DEGRADED = "degraded"  # publishes, but says itself that a part of its source cannot be asked
    RETRYING = "retrying"  # raised, or published rubbish; runs again after a delay
    BLOCKED = "blocked"  # its code does not give the event loop back
    FINISHED = "finished"  # returned; its groups are final
    FAILED = "failed"  # could not be built; tried again at the next reload
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class DiscovererStatus:
    """One discoverer at one moment. ``last_success`` is seconds since the Unix epoch; None: nothing published yet.

    ``failures`` counts by reason since the start: ``raised``, ``rejected``, ``exit``, ``blocked``, ``silent``,
    ``leaked``, ``build``. ``skipped`` tells what was wrong with entries that the newest publish had and that were left
    out (``skip_bad_entries``). ``troubles`` are the parts of its source that a degraded one cannot ask, and why.
    """

    provider: str
    kind: str
    jobs: tuple[str, ...]
    origin: Origin | None
    state: State
    last_error: str
    last_success: float | None
    restarts: int
    failures: dict[str, int]
    groups: int
    targets: int
    skipped: str = ""
    troubles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Times of the supervisor, in seconds. The defaults are for production; tests shrink them."""

    restart_least: float = 1.0
    """Delay before the first restart; doubled for each that follows without a publish between."""
    restart_most: float = 60.0
    block_limit: float = 2.0
    """How long one piece of a discoverer's code may keep the event loop."""
    silence_limit: float = 30.0
    """After this time without a publish a discoverer is reported by name."""
    handover_limit: float = 300.0
    """How long the groups of a replaced block stand in for a new one that has not published yet."""
    save_interval: float = 10.0
    """How often changed groups are written to disk."""
    pace_least: float = 1.0
    """Least time between two deliveries of one job's changes while they keep coming; grows from here …"""
    pace_most: float = 5.0
    """… to this. A change after a pause is delivered at once."""
