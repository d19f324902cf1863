"""Builders of the parts that a configuration may ask for more than once: HTTP clients, scrape pools, receivers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.config.sections import ReceiverConfig
from narthex.errors import PluginError
from narthex.http.client import HttpClient
from narthex.kinds import BuildContext, Receiver
from narthex.model.labels import Labels
from narthex.plugins.building import built
from narthex.plugins.catalog import Catalog
from narthex.scrape.batches import Batches
from narthex.scrape.formats import ScrapeFeatures
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.pool import ScrapePool
from narthex.scrape.slots import server_seed
from narthex.server.jobs import Job
from narthex.storage.protocol import Storage

__all__ = ["PoolFactory", "build_receivers"]


@dataclass(frozen=True, slots=True)
class PoolFactory:
    """Makes the pool of a job."""

    storage: Storage
    catalog: Catalog
    clock: Clock
    metrics: ScrapeMetrics
    make_client: Callable[[HttpConfig], HttpClient]
    features: ScrapeFeatures = ScrapeFeatures()  # noqa: RUF009 -- frozen
    batches: Batches | None = None

    def __call__(self, job: Job, external_labels: Mapping[str, str]) -> ScrapePool:
        """Build the pool; its seed differs between servers, so that replicas do not scrape in step."""
        return ScrapePool(
            job.config,
            job.metric_rules,
            storage=self.storage,
            catalog=self.catalog,
            clock=self.clock,
            metrics=self.metrics,
            make_client=self.make_client,
            seed=server_seed(socket.gethostname(), str(Labels(external_labels))),
            features=self.features,
            batches=self.batches,
        )


async def build_receivers(
    configs: Sequence[ReceiverConfig], catalog: Catalog, context: Callable[[str], BuildContext]
) -> list[tuple[str, str, Receiver]]:
    """Every integration of every receiver: the receiver's name, ``<kind>/<number>``, the object.

    Raises ``PluginError`` when one cannot be built; those built before are closed then.
    """
    ready: list[tuple[str, str, Receiver]] = []
    for receiver in configs:
        for number, integration in enumerate(receiver.configs):
            found = catalog.receivers[integration.kind]
            name = f"{integration.kind}/{number}"
            try:
                around = context(f"receiver.{receiver.name}.{name}")
                one: Receiver = built(found, integration.config, around, ("send", "close"))
            except PluginError as error:
                await asyncio.gather(*(one.close() for _, _, one in ready), return_exceptions=True)
                raise PluginError(f"receiver {receiver.name}: {integration.kind}_configs[{number}]: {error}") from error
            ready.append((receiver.name, name, one))
    return ready
