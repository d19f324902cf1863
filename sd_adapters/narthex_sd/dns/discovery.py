"""Looks names up again and again.

Each name is a source of its own: one that fails keeps its targets and hurts no other.
"""

from __future__ import annotations

import asyncio

from narthex.discovery.metrics import shared
from narthex.discovery.refresh import refresh
from narthex.errors import DiscoveryError
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_sd.dns.config import DnsConfig
from narthex_sd.dns.labels import group_of
from narthex_sd.dns.lookup import Lookup
from narthex_sd.dns.metrics import DnsMetrics

__all__ = ["DnsDiscoverer"]

_AT_ONCE = 64
"""Names looked up at the same time: each takes a socket, and name servers drop what comes in floods."""


class DnsDiscoverer:
    """One ``dns_sd_configs`` block."""

    def __init__(self, config: DnsConfig, context: BuildContext, lookup: Lookup) -> None:
        self._config = config
        self._context = context
        self._lookup = lookup
        self._metrics = shared(DnsMetrics, context.registry)
        self._known: dict[str, TargetGroup] = {}
        """The last answer for each name. Outlives a run, whose first publish has to be everything."""
        self._told: set[str] = set()
        """Names whose failure stands in the log."""
        self._strange: set[tuple[str, str]] = set()

    async def run(self, publish: Publish) -> None:
        """Look up until cancelled, or until no name at all gets an answer."""
        await refresh(self._config.refresh_interval, self._fetch, self._context).run(publish)

    async def _fetch(self) -> list[TargetGroup]:
        """The newest answer for every name that ever got one. Raises ``DiscoveryError`` when all failed now."""
        names, gate = list(dict.fromkeys(self._config.names)), asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> str:
            async with gate:
                return await self._look_up(name)

        failures = dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
        failing = {name: why for name, why in failures.items() if why}
        if len(failing) == len(names):  # for the supervisor to tell, and to try again soon
            rest = f" (and {len(names) - 1} more names)" if len(names) > 1 else ""
            raise DiscoveryError(f"{failing[names[0]]}{rest}")
        self._tell(failing)
        return [self._known[name] for name in names if name in self._known]

    async def _look_up(self, name: str) -> str:
        """Ask for one name. Returns what went wrong, or nothing."""
        self._metrics.lookups.inc()
        try:
            found = await self._lookup(name, self._config.type)
        except Exception as error:  # noqa: BLE001 -- whatever befell this name, the others go on
            self._metrics.failures.inc()
            return str(error) or type(error).__name__
        for kind in found.others:
            if (name, kind) not in self._strange:
                self._strange.add((name, kind))
                extra = {"dns_name": name, "record_type": kind}
                self._context.log.warning("Records that were not asked for are left out", extra=extra)
        self._known[name] = group_of(name, found.records, self._config.port)
        return ""

    def _tell(self, failing: dict[str, str]) -> None:
        """Show what fails now, and log what changed since the last time."""
        for name in {*self._told, *failing}:
            self._context.trouble(f"name {name}", failing.get(name, ""))
        for name in failing.keys() - self._told:
            extra = {"dns_name": name, "err": failing[name]}
            self._context.log.warning("Name cannot be looked up; its old targets stay", extra=extra)
        for name in self._told - failing.keys():
            self._context.log.info("Name can be looked up again", extra={"dns_name": name})
        self._told = set(failing)


_: type[Discoverer] = DnsDiscoverer
