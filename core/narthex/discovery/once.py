"""Discovery for a command: run every block until it has answered once or failed, then stop.

The supervisor is the server's, with its isolation, so a discoverer that blocks costs a command its time limit only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from narthex.clock import Clock
from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.state import DiscovererStatus, State
from narthex.discovery.supervisor import Supervisor
from narthex.model.targetgroup import SourcedGroup
from narthex.plugins.catalog import Catalog

__all__ = ["Found", "discover_once", "is_answered"]

Progress = Callable[[int, int], None]
"""Told how many blocks have answered or failed, and how many there are."""

_POLL = 0.1
_GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """The groups of each job, in the order of its blocks, and how each block fared."""

    groups: Mapping[str, Sequence[SourcedGroup]]
    discoverers: Sequence[DiscovererStatus]

    @property
    def failed(self) -> Sequence[DiscovererStatus]:
        """Blocks that did not give an answer."""
        return [one for one in self.discoverers if not is_answered(one)]


def is_answered(status: DiscovererStatus) -> bool:
    """Whether a block has published at least once, or ended, by which it says that there is nothing."""
    return status.last_success is not None or status.state is State.FINISHED


async def discover_once(
    catalog: Catalog,
    wanted: Mapping[str, Sequence[DiscoveryConfig]],
    clock: Clock,
    *,
    seconds: float,
    progress: Progress | None = None,
) -> Found:
    """Ask every block of ``wanted`` (job → blocks); equal blocks are asked once. Waits ``seconds`` at most."""
    supervisor = Supervisor(catalog, clock, CollectorRegistry(), "once")
    await supervisor.apply(wanted)
    try:
        async with _told(supervisor, clock, progress):
            await supervisor.ready(seconds)
        return Found({job: tuple(supervisor.groups(job)) for job in wanted}, tuple(supervisor.status()))
    finally:
        await supervisor.stop(_GRACE)


@contextlib.asynccontextmanager
async def _told(supervisor: Supervisor, clock: Clock, progress: Progress | None) -> AsyncIterator[None]:
    """Tell ``progress`` how far discovery is, now and then, and at the end."""
    if progress is None:
        yield
        return

    def tell() -> None:
        statuses = supervisor.status()
        progress(sum(is_answered(one) or bool(one.failures) for one in statuses), len(statuses))

    async def watch() -> None:
        while True:
            tell()
            await clock.sleep(_POLL)

    task = asyncio.create_task(watch(), name="discovery progress")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tell()
