"""Asks NetBox again and again."""

import asyncio
from collections.abc import Sequence

from narthex.discovery.refresh import refresh
from narthex.http.client import HttpClient
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_netbox import NetboxConfig
from narthex_netbox.groups import groups_of
from narthex_netbox.pages import Pages


class NetboxDiscoverer:
    """One block of the configuration at work. What it remembers of pages outlives a run that failed."""

    def __init__(self, config: NetboxConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context
        self._pages = Pages(config, context)

    async def run(self, publish: Publish) -> None:
        """Ask until cancelled, or until an answer cannot be used."""
        client = HttpClient(self._config.http, self._context.clock)
        try:
            await refresh(self._config.refresh_interval, lambda: self._fetch(client), self._context).run(publish)
        finally:
            await client.close()

    async def _fetch(self, client: HttpClient) -> Sequence[TargetGroup]:
        """The full set."""
        objects = await self._pages.read(client)
        return await asyncio.to_thread(groups_of, objects, self._config)


_: type[Discoverer] = NetboxDiscoverer
