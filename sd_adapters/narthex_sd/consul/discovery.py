"""Consul as a discoverer: one query that follows the catalog, and one that follows each service.

Where the configuration names its services and asks for nothing that only the catalog can tell, there is no query of the
catalog. Every query is a task; a service that leaves the catalog has its task cancelled and its group retracted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from narthex.discovery.metrics import shared
from narthex.discovery.skipping import Skipping
from narthex.errors import DiscoveryError
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex_sd.consul.api import Answer, ConsulApi
from narthex_sd.consul.blocking import RETRY, Spacing, follow
from narthex_sd.consul.config import ConsulConfig
from narthex_sd.consul.inventory import CATALOG, Inventory
from narthex_sd.consul.labels import needs_catalog, target_group, wanted_services
from narthex_sd.consul.metrics import ConsulMetrics

__all__ = ["ConsulDiscoverer"]

_PATIENCE = 60.0
"""Seconds after which the first set is published without the services that could not be asked until then."""


class ConsulDiscoverer:
    """One ``consul_sd_configs`` block."""

    def __init__(self, config: ConsulConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context
        self._metrics = shared(ConsulMetrics, context.registry)

    async def run(self, publish: Publish) -> None:
        """Follow Consul until cancelled. Raises ``DiscoveryError`` while Consul has not told anything yet."""
        api = ConsulApi(self._config, self._context.clock, self._metrics)
        try:
            datacenter = self._config.datacenter or await self._datacenter(api)
            async with asyncio.TaskGroup() as tasks:
                inventory = Inventory(publish, self._context.log, self._context.trouble)
                _Watches(self._config, self._context, api, datacenter, inventory, tasks).start()
        except (DiscoveryError, BaseExceptionGroup) as failure:
            error = _first(failure)
            if isinstance(error, DiscoveryError):
                raise DiscoveryError(str(error), retry_within=RETRY) from failure
            raise error from failure
        finally:
            await api.close()

    async def _datacenter(self, api: ConsulApi) -> str:
        with self._metrics.failures.count_exceptions(DiscoveryError):
            return await api.datacenter()


class _Watches:
    """The queries of one run."""

    def __init__(
        self,
        config: ConsulConfig,
        context: BuildContext,
        api: ConsulApi,
        datacenter: str,
        inventory: Inventory,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._config = config
        self._clock = context.clock
        self._name = context.name
        self._api = api
        self._datacenter = datacenter
        self._skipping = Skipping(context)
        self._failures = shared(ConsulMetrics, context.registry).failures
        self._inventory = inventory
        self._tasks = tasks
        self._services: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Start all queries; those of the catalog's services start when the catalog has answered."""
        if needs_catalog(self._config):
            self._spawn(CATALOG, self._follow(CATALOG, self._api.services, self._take_catalog))
        else:
            self._watch(frozenset(self._config.services))
        self._spawn("patience", self._lose_patience())

    def _take_catalog(self, answer: Any) -> None:
        wanted = wanted_services(self._config, answer)
        self._inventory.works(CATALOG)
        self._watch(wanted)

    def _watch(self, wanted: frozenset[str]) -> None:
        """Follow these services and no others."""
        new = sorted(wanted - self._services.keys())
        self._inventory.expect(new)
        for service in new:
            ask, take = partial(self._api.instances, service), partial(self._take_instances, service)
            self._services[service] = self._spawn(service, self._follow(service, ask, take))
        gone = sorted(self._services.keys() - wanted)
        for service in gone:
            self._services.pop(service).cancel()
            self._skipping.forget(service)
        self._inventory.drop(gone)

    def _take_instances(self, service: str, answer: Any) -> None:
        skipped = self._skipping.begin()
        group = target_group(service, self._datacenter, self._config.tag_separator, answer, skipped)
        self._skipping.end(service, skipped)
        self._inventory.take(group)

    async def _follow(self, query: str, ask: Callable[[int], Awaitable[Answer]], take: Callable[[Any], None]) -> None:
        spacing = Spacing(self._config.refresh_interval.seconds, self._clock)
        await follow(ask, take, partial(self._failed, query), spacing, self._clock)

    def _failed(self, query: str, error: DiscoveryError) -> None:
        """Answers that cannot be used count as those that did not come."""
        self._failures.inc()
        self._inventory.failed(query, error)

    async def _lose_patience(self) -> None:
        """Nothing known at all is no reason to publish: that would be the empty set."""
        while not self._inventory.is_open:
            await self._clock.sleep(_PATIENCE)
            if self._inventory.holds_groups:
                self._inventory.open()

    def _spawn(self, what: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work, name=f"{self._name} {what}".rstrip())


def _first(error: BaseException) -> BaseException:
    """What went wrong first: a task group reports one failure as a group of one."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


_: type[Discoverer] = ConsulDiscoverer
