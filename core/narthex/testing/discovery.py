"""What tests of discoverers are made of: a context to build one with, and a recorder for what it publishes.

The contract of a discoverer is :mod:`narthex.testing.contracts.discovery`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from narthex.clock import Clock, SystemClock
from narthex.discovery.checks import checked
from narthex.kinds import BuildContext
from narthex.logs import NamedLog
from narthex.model.targetgroup import TargetGroup

__all__ = ["Recorder", "build_context"]


def build_context(
    name: str = "test/0", clock: Clock | None = None, registry: CollectorRegistry | None = None, job: str = "test"
) -> BuildContext:
    """A context to build one discoverer with: its own registry, the machine's clock, no data directory."""
    log = NamedLog(logging.getLogger("narthex.testing"), {"provider": name, "job": job})
    return BuildContext(name, clock or SystemClock(), log, registry or CollectorRegistry(), None, job=job)


class Recorder:
    """Takes what a discoverer publishes, checks it as the supervisor does, and knows the groups in force."""

    def __init__(self) -> None:
        self.groups: dict[str, TargetGroup] = {}
        """The groups in force by source; a retracted one is gone."""
        self.published: list[tuple[TargetGroup, ...]] = []
        """Every publish in order."""
        self._news = asyncio.Event()

    def __call__(self, groups: Sequence[TargetGroup]) -> None:
        """The ``publish`` that ``run`` takes. Raises ``DiscoveryError`` for what is no target group."""
        own = checked(groups)
        self.published.append(own)
        for group in own:
            if group.is_retraction:
                self.groups.pop(group.source, None)
            else:
                self.groups[group.source] = group
        self._news.set()

    async def until(self, wanted: Callable[[Recorder], bool], seconds: float = 60.0) -> None:
        """Wait until ``wanted(self)`` holds. Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while not wanted(self):
                self._news.clear()
                await self._news.wait()
