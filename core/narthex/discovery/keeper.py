"""Keeps the groups in force on disk, and brings them back after a start: which gates, when, and off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from narthex.clock import Clock
from narthex.config.safety import DiscoverySafety
from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.gate import Gate
from narthex.discovery.identity import identity
from narthex.discovery.snapshots import Snapshot, SnapshotFile, prune
from narthex.plugins.catalog import Catalog

__all__ = ["Keeper", "Snapshots"]

log = logging.getLogger(__name__)

Snapshots = Mapping[tuple[str, Hashable], Snapshot]
"""By job and the identity of a block's configuration."""

_FORGET = 30 * 86_400
"""Seconds after which a file that nobody confirms is removed."""


class Keeper:
    """``directory`` None keeps nothing. What kinds that merge (static) find stands in the configuration."""

    def __init__(self, directory: Path | None, catalog: Catalog, clock: Clock) -> None:
        self._directory = directory
        self._catalog = catalog
        self._clock = clock
        self._failing = False
        # One thread: a write whose waiter was cancelled still comes before the next one.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="discovery-groups")

    async def load(
        self, wanted: Mapping[str, Sequence[DiscoveryConfig]], limits: Mapping[str, DiscoverySafety]
    ) -> Snapshots:
        """What was saved of these jobs."""
        directory, now = self._directory, self._clock.now()
        if directory is None:
            return {}
        asked = [
            ((job, identity(config)), SnapshotFile(directory, job, config), limits[job].max_age.seconds)
            for job, configs in wanted.items()
            for config in configs
            if job in limits and self._keeps(limits[job], config)
        ]
        if not asked:
            return {}

        def read() -> dict[tuple[str, Hashable], Snapshot]:
            prune(directory, now - _FORGET)
            found = {key: file.load(now, max_age) for key, file, max_age in asked}
            return {key: snapshot for key, snapshot in found.items() if snapshot is not None}

        return await asyncio.to_thread(read)

    async def follow(self, gates: Callable[[], Iterable[Gate]], interval: float) -> None:
        """Save every so many seconds, until cancelled."""
        while self._directory is not None:
            await self._clock.sleep(interval)
            await self.save(gates())

    async def save(self, gates: Iterable[Gate]) -> None:
        """Write what has changed since the last time, and note what was confirmed. A failure is logged, once."""
        if self._directory is None:
            return
        writes = [(gate, write) for gate in gates if (write := self._write_of(gate, self._directory)) is not None]
        if not writes:
            return
        failed = await asyncio.get_running_loop().run_in_executor(self._writer, _carry_out, writes)
        for gate, _ in failed:
            gate.changed = True
        if failed and not self._failing:
            gate, error = failed[0]
            log.warning("Discovered targets cannot be kept on disk", extra={"job": gate.job, "err": str(error)})
        self._failing = bool(failed)

    async def finish(self, gates: Iterable[Gate]) -> None:
        """Save for the last time."""
        await self.save(gates)
        self._writer.shutdown(wait=False)

    def _write_of(self, gate: Gate, directory: Path) -> Callable[[], None] | None:
        config, changed, confirmed = gate.provider.config, gate.changed, gate.confirmed
        if gate.restored is not None or not (changed or confirmed):
            return None
        if gate.limits is None or not self._keeps(gate.limits, config):
            return None
        gate.changed = gate.confirmed = False
        file, now = SnapshotFile(directory, gate.job, config), self._clock.now()
        return partial(file.save, [one.group for one in gate.in_force], now) if changed else partial(file.confirm, now)

    def _keeps(self, limits: DiscoverySafety, config: DiscoveryConfig) -> bool:
        found = self._catalog.discovery.get(config.kind)
        return limits.keep_on_disk and found is not None and not found.kind.merge


def _carry_out(writes: Sequence[tuple[Gate, Callable[[], None]]]) -> list[tuple[Gate, OSError]]:
    failed = []
    for gate, write in writes:
        try:
            write()
        except OSError as error:
            failed.append((gate, error))
    return failed
