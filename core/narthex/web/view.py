"""What the web layer may ask of the running server: read-only, except for reload, quit and held updates.

Handlers and plugins' routes get this and nothing else, so a page cannot reach into a loop or a queue, and tests give it
a plain object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from narthex.clock import Clock
from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus
from narthex.explain.relabel import Explanation, Stage
from narthex.explain.why import JobEvidence
from narthex.plugins.catalog import Catalog
from narthex.promql.engine import Engine
from narthex.rules.status import GroupStatus
from narthex.scrape.status import PoolStatus
from narthex.storage.exemplars import ExemplarRing
from narthex.storage.protocol import Storage

__all__ = ["QuarantineView", "QueryLimits", "RuntimeInfo", "ServerView"]


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The ``--query.*`` flags: timeout in seconds, samples of one query, queries at once."""

    timeout: float = 120.0
    max_samples: int = 50_000_000
    concurrency: int = 20


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """Facts of ``/api/v1/status/runtimeinfo`` that only the server knows.

    ``partial``: the last reload is called failed only because of jobs in quarantine; the rest of it is in force.
    """

    started: float
    working_directory: str
    reload_ok: bool
    reload_time: float
    reload_error: str
    retention: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False


class QuarantineView(Protocol):
    """A job in quarantine, as pages see it. ``since`` is seconds since the Unix epoch."""

    @property
    def job(self) -> str:
        """Its name."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, with file and line."""

    @property
    def running(self) -> str:
        """What runs in its place: ``previous`` or ``nothing``."""

    @property
    def since(self) -> float:
        """When it came there."""


class ServerView(Protocol):
    """The running server, as pages see it."""

    clock: Clock
    engine: Engine
    storage: Storage
    exemplars: ExemplarRing
    catalog: Catalog
    registry: CollectorRegistry
    query_executor: Executor
    query_limits: QueryLimits
    lifecycle: bool
    admin: bool

    @property
    def external_url(self) -> str:
        """The URL under which users reach the server; its path is the root of every page. May be a path alone."""

    @property
    def ready(self) -> bool:
        """Whether the server has recovered and is not stopping."""

    @property
    def stopping(self) -> bool:
        """Whether the stop has begun."""

    def pools(self) -> Mapping[str, PoolStatus]:
        """Every scrape pool's state by job name."""

    def relabel_steps(self, pool: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """Each target relabel rule of a job with its outcome for ``labels``. Raises ``KeyError`` for an unknown job."""

    def explain_relabeling(
        self, stage: Stage, pool: str, labels: Mapping[str, str], rules_text: str = ""
    ) -> Explanation:
        """What the rules of a stage make of ``labels``; alerts and writes have no pool.

        ``rules_text`` are the rules for a write, of which none are in force, as YAML or JSON. Raises ``KeyError`` for
        an unknown job, ``ConfigError`` for bad rules.
        """

    def quarantined(self) -> Sequence[QuarantineView]:
        """Jobs whose newest configuration is wrong and not in force, while the rest of the file is."""

    def job_evidence(self) -> Sequence[JobEvidence]:
        """Every scrape job with its groups and scrapes at this moment, for :func:`narthex.explain.why.why_target`."""

    def rule_groups(self) -> Sequence[GroupStatus]:
        """Every rule group's state, in file order."""

    def alertmanagers(self) -> tuple[Sequence[str], Sequence[str]]:
        """URLs of active and of dropped Alertmanagers."""

    def discoverers(self) -> Sequence[DiscovererStatus]:
        """Every running discoverer, for targets and for Alertmanagers."""

    def held_updates(self) -> Sequence[HeldUpdate]:
        """Updates of discovery that are held, because they would take too many targets away or are too large."""

    def restored_groups(self) -> Sequence[RestoredGroups]:
        """Groups that were read from disk, because discovery has not answered since the start."""

    def accept_updates(self, job: str) -> int:
        """Put a job's held updates in force. Returns how many there were. Raises ``KeyError`` for an unknown job."""

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        """Plugins with distribution, version, contributions and failures."""

    def config_yaml(self) -> str:
        """The configuration in force, secrets masked."""

    def flags(self) -> Mapping[str, str]:
        """Command line flags and their values."""

    def runtime(self) -> RuntimeInfo:
        """Start time, reload state and the like."""

    async def reload(self) -> None:
        """Reload the configuration. Raises ``NarthexError`` and leaves everything as it was."""

    def quit(self) -> None:
        """Begin to stop; returns at once."""
