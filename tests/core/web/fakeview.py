"""A server as pages see it, made of plain values: tests set what they need and ask over real HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from prometheus_client import CollectorRegistry

from narthex.clock import Clock, SystemClock
from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus
from narthex.errors import NarthexError
from narthex.explain.relabel import Explanation, Stage
from narthex.explain.why import JobEvidence
from narthex.plugins.catalog import Catalog
from narthex.promql.engine import Engine
from narthex.rules.status import GroupStatus
from narthex.scrape.status import PoolStatus
from narthex.storage.exemplars import ExemplarRing
from narthex.storage.protocol import Storage
from narthex.testing.storage import MemoryStorage
from narthex.web.view import QuarantineView, QueryLimits, RuntimeInfo, ServerView

__all__ = ["FakeView"]


class FakeView:
    """Everything is empty until a test says otherwise."""

    def __init__(self, storage: Storage | None = None) -> None:
        self.clock: Clock = SystemClock()
        self.storage: Storage = storage or MemoryStorage()
        self.engine = Engine(self.storage)
        self.exemplars = ExemplarRing(100)
        self.catalog = Catalog()
        self.registry = CollectorRegistry()
        self.query_executor: Executor = ThreadPoolExecutor(2)
        self.query_limits = QueryLimits()
        self.lifecycle = True
        self.admin = True
        self.external_url = "http://127.0.0.1:9090"
        self.ready = True
        self.stopping = False
        self.found_pools: dict[str, PoolStatus] = {}
        self.steps: dict[str, list[Mapping[str, Any]]] = {}
        self.evidence: list[JobEvidence] = []
        self.explanations: dict[tuple[Stage, str], Explanation] = {}
        self.groups: list[GroupStatus] = []
        self.found_alertmanagers: tuple[list[str], list[str]] = ([], [])
        self.found_discoverers: list[DiscovererStatus] = []
        self.held: list[HeldUpdate] = []
        self.restored: list[RestoredGroups] = []
        self.in_quarantine: list[QuarantineView] = []
        self.acceptable: dict[str, int] = {}
        self.reload_error = ""
        self.reloads = 0
        self.quits = 0

    def pools(self) -> Mapping[str, PoolStatus]:
        return self.found_pools

    def relabel_steps(self, pool: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        return self.steps[pool]

    def explain_relabeling(
        self, stage: Stage, pool: str, labels: Mapping[str, str], rules_text: str = ""
    ) -> Explanation:
        return self.explanations[stage, pool]

    def quarantined(self) -> Sequence[QuarantineView]:
        return self.in_quarantine

    def job_evidence(self) -> Sequence[JobEvidence]:
        return self.evidence

    def rule_groups(self) -> Sequence[GroupStatus]:
        return self.groups

    def alertmanagers(self) -> tuple[Sequence[str], Sequence[str]]:
        return self.found_alertmanagers

    def discoverers(self) -> Sequence[DiscovererStatus]:
        return self.found_discoverers

    def held_updates(self) -> Sequence[HeldUpdate]:
        return self.held

    def restored_groups(self) -> Sequence[RestoredGroups]:
        return self.restored

    def accept_updates(self, job: str) -> int:
        return self.acceptable[job]

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        return [{"plugin": "one"}]

    def config_yaml(self) -> str:
        return "global: {}\n"

    def flags(self) -> Mapping[str, str]:
        return {"config.file": "prometheus.yml"}

    def runtime(self) -> RuntimeInfo:
        return RuntimeInfo(1.0, "/", not self.reload_error, 2.0, self.reload_error, "15d")

    async def reload(self) -> None:
        self.reloads += 1
        if self.reload_error:
            raise NarthexError(self.reload_error)

    def quit(self) -> None:
        self.quits += 1


_: ServerView = FakeView()
