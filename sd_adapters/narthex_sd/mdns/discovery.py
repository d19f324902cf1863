"""Browses for services with zeroconf and publishes them as they come, change and say goodbye.

A browser asks a few times when it begins and listens from then on. So answers are collected for a moment before the
first, full set; and when the machine's interfaces change, a new browser asks on the new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from narthex.discovery.metrics import shared
from narthex.errors import DiscoveryError
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex_sd.mdns.config import MdnsConfig
from narthex_sd.mdns.interfaces import Adapter, chosen, installed
from narthex_sd.mdns.metrics import MdnsMetrics
from narthex_sd.mdns.resolver import Resolver
from narthex_sd.mdns.services import Services

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

__all__ = ["MdnsDiscoverer"]

_RESCAN = 60.0
"""Seconds between two looks at the machine's interfaces."""


class MdnsDiscoverer:
    """One ``mdns_sd_configs`` block; ``adapters`` gives the machine's interfaces."""

    def __init__(
        self, config: MdnsConfig, context: BuildContext, adapters: Callable[[], Sequence[Adapter]] = installed
    ) -> None:
        self._config = config
        self._clock = context.clock
        self._adapters = adapters
        self._metrics = shared(MdnsMetrics, context.registry)
        self._types = [f"{one}.{config.domain}." for one in config.service_types]

    async def run(self, publish: Publish) -> None:
        """Browse until cancelled. Raises ``DiscoveryError`` where no interface can be browsed on."""
        interfaces = self._interfaces()
        if not interfaces:
            names = ", ".join(self._config.interfaces) or "any"
            raise DiscoveryError(f"no interface to browse on: {names}, ip_version {self._config.ip_version}")
        async with contextlib.AsyncExitStack() as stack:
            zeroconf = _open(interfaces)
            stack.push_async_callback(zeroconf.async_close)
            await _started(zeroconf)
            resolver = Resolver(zeroconf.zeroconf, self._config.ip_version)
            services = Services(resolver.load, resolver.ask, self._clock)
            stack.push_async_callback(services.close)
            while True:
                async with self._browser(zeroconf, resolver, services):
                    await self._follow(publish, services, interfaces)
                interfaces = self._interfaces()
                await zeroconf.async_update_interfaces(interfaces)

    async def _follow(self, publish: Publish, services: Services, interfaces: list[str | int]) -> None:
        """The first set after a while, then what changes, until there are other interfaces."""
        await self._clock.sleep(self._config.browse_time.seconds)
        publish(services.take())
        rescan = self._clock.monotonic() + _RESCAN
        while True:
            await self._wait(services.changed, rescan - self._clock.monotonic())
            if news := services.take():
                publish(news)
            if self._clock.monotonic() >= rescan:
                rescan += _RESCAN
                if self._interfaces() not in ([], interfaces):
                    return

    async def _wait(self, changed: asyncio.Event, seconds: float) -> None:
        waiting = asyncio.ensure_future(changed.wait())
        limit = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({waiting, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            limit.cancel()

    def _interfaces(self) -> list[str | int]:
        return chosen(self._adapters(), self._config.interfaces, self._config.ip_version)

    def _browser(self, zeroconf: AsyncZeroconf, resolver: Resolver, services: Services) -> AsyncServiceBrowser:
        from zeroconf.asyncio import AsyncServiceBrowser

        def heard(*, service_type: str, name: str, state_change: Any, **_: Any) -> None:
            if not resolver.is_service(service_type, name):
                self._metrics.refused.inc()
                return
            change = state_change.name.lower()
            self._metrics.changes.labels(change).inc()
            if change == "removed":
                services.gone(name)
            else:
                services.announced(service_type, name)

        return AsyncServiceBrowser(zeroconf.zeroconf, self._types, handlers=[heard])


def _open(interfaces: list[str | int]) -> AsyncZeroconf:
    """Sockets on the interfaces; numbers stand for version 6."""
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncZeroconf

    with_six, with_four = (any(isinstance(one, kind) for one in interfaces) for kind in (int, str))
    version = IPVersion.All if with_six and with_four else IPVersion.V6Only if with_six else IPVersion.V4Only
    return AsyncZeroconf(interfaces=interfaces, ip_version=version)


async def _started(zeroconf: AsyncZeroconf) -> None:
    """Wait for the sockets. A cancelled wait would cancel zeroconf's own future, which then never closes them."""
    starting = asyncio.ensure_future(zeroconf.zeroconf.async_wait_for_start())
    starting.add_done_callback(lambda one: one.cancelled() or one.exception())  # after a cancellation nobody else asks
    await asyncio.shield(starting)


_: type[Discoverer] = MdnsDiscoverer
