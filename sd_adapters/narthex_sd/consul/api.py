"""The three questions that discovery asks Consul, with their errors made one kind and their time measured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from consul.exceptions import ConsulException  # noqa: TID253 -- this module is itself imported by the builder only
from prometheus_client import Summary

from narthex.clock import Clock
from narthex.errors import DiscoveryError
from narthex_sd.consul.config import ConsulConfig
from narthex_sd.consul.metrics import ConsulMetrics
from narthex_sd.consul.transport import WAIT, make_client

__all__ = ["Answer", "ConsulApi"]

_SHOWN = 512
"""Characters of a message that are worth showing; the library puts whole bodies into its own."""
_AT_ONCE = 100
"""Queries without an index that are under way at once. All services are asked so at the start, and again when Consul
is back after a failure."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query was answered with. ``index`` tells the next query what is known already."""

    index: int
    data: Any


class ConsulApi:
    """Make it inside the event loop; ``close`` it. Every call raises ``DiscoveryError``."""

    def __init__(self, config: ConsulConfig, clock: Clock, metrics: ConsulMetrics) -> None:
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._client = make_client(config, clock)
        self._immediate = asyncio.Semaphore(_AT_ONCE)
        self._door = asyncio.Lock()

    async def datacenter(self) -> str:
        """The datacenter of the agent itself."""
        answer = await _plain(self._client.agent.self())
        section = answer.get("Config") if isinstance(answer, Mapping) else None
        name = section.get("Datacenter") if isinstance(section, Mapping) else None
        if not isinstance(name, str):
            shown = "<nil>" if name is None else name
            raise DiscoveryError(f"invalid value '{shown}' for Config.Datacenter")
        return name

    async def services(self, index: int) -> Answer:
        """The catalog's services and their tags; held by Consul while nothing is newer than ``index`` (0: at once)."""
        config = self._config
        call = partial(
            self._client.catalog.services,
            wait=WAIT,
            node_meta=config.node_meta,
            filter_expr=config.filter or None,
        )
        return await self._watched(call, index, self._metrics.services)

    async def instances(self, service: str, index: int) -> Answer:
        """The instances of a service with their node and checks, held likewise."""
        config = self._config
        call = partial(
            self._client.health.service,
            service,
            wait=WAIT,
            tag=list(config.tags),
            node_meta=config.node_meta,
            filter_expr=config.health_filter or None,
        )
        return await self._watched(call, index, self._metrics.service)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _watched(self, call: Callable[..., Awaitable[Any]], index: int, duration: Summary) -> Answer:
        """Queries are sent one in a turn of the event loop, which thousands at one moment would hold up for seconds.

        Of those that Consul answers immediately only so many are under way.
        """
        async with self._door:
            await asyncio.sleep(0)
        async with self._immediate if index == 0 else nullcontext():
            begin = self._clock.monotonic()
            try:
                found, data = await _plain(call(index=index))
                return Answer(_number(found), data)
            finally:
                duration.observe(self._clock.monotonic() - begin)


async def _plain(call: Awaitable[Any]) -> Any:
    """The library's answer, with its errors, and those of reading JSON, as ``DiscoveryError``."""
    try:
        return await call
    except (ConsulException, ValueError, RecursionError) as error:
        raise DiscoveryError(f"unusable answer: {error}"[:_SHOWN]) from None


def _number(index: str) -> int:
    if not (index.isascii() and index.isdecimal()):
        raise DiscoveryError(f"expected a number as X-Consul-Index, got {index[:_SHOWN]!r}")
    return int(index)
