"""Discoverers that behave, and discoverers that do not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.waiting import until

from narthex.clock import SystemClock
from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.state import Settings
from narthex.discovery.supervisor import Supervisor
from narthex.kinds import DiscoveryKind
from narthex.model.targetgroup import TargetGroup
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.testing.clock import FakeClock

QUICK = Settings(restart_least=0.01, restart_most=0.05, block_limit=0.2, silence_limit=0.1, pace_least=0.01)


@dataclass(frozen=True)
class Config:
    """``run(publish, context)`` is what the discoverer does; ``name`` tells blocks apart."""

    name: str
    run: Any = field(compare=False)


class Scripted:
    def __init__(self, config, context):
        self.config, self.context = config, context

    async def run(self, publish):
        await self.config.run(publish, self.context)


def block(name: str, run: Callable[..., Any], kind: str = "good") -> DiscoveryConfig:
    return DiscoveryConfig(kind, Config(name, run))


def group(source: str, *addresses: str, **labels: str) -> TargetGroup:
    return TargetGroup(source, tuple({"__address__": one} for one in addresses), labels)


async def forever():
    await asyncio.Event().wait()


def publishes(*groups: TargetGroup):
    async def run(publish, context):
        publish(groups)
        await forever()

    return run


@pytest.fixture
def kit():
    """The helpers above, by one name."""
    return Kit()


class Kit:
    block, group, forever, publishes = map(staticmethod, (block, group, forever, publishes))
    QUICK = QUICK

    def __init__(self):
        self.registry = CollectorRegistry()
        self.builds: list[str] = []
        kinds = [
            DiscoveryKind("good", Config, self.build),
            DiscoveryKind("bad", Config, self.build),
            DiscoveryKind("unbuildable", Config, self.refuse),
        ]
        self.catalog = Catalog(
            discovery={
                one.name: Contribution(one, Origin(f"{one.name}_plugin", f"{one.name}-dist", "1.2")) for one in kinds
            }
        )

    def build(self, config, context):
        self.builds.append(config.name)
        return Scripted(config, context)

    @staticmethod
    def refuse(config, context):
        sys.exit("no")

    def inline(self, clock: FakeClock, settings: Settings | None = None) -> Supervisor:
        return Supervisor(self.catalog, clock, self.registry, isolate=False, settings=settings, random=lambda: 1.0)

    def isolated(self, settings: Settings = QUICK) -> Supervisor:
        return Supervisor(self.catalog, SystemClock(), self.registry, settings=settings)

    def value(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, labels)

    @staticmethod
    def addresses(supervisor: Supervisor, job: str) -> list[str]:
        return [one["__address__"] for item in supervisor.groups(job) for one in item.group.targets]

    until = staticmethod(until)
