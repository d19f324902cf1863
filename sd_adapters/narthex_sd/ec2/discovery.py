"""Asks EC2 for its instances, again and again.

boto3 blocks, so it runs in a thread of the adapter's own: at most one for each block, gone when the block goes. The
client and the ids of the availability zones are kept between refreshes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from narthex.discovery.refresh import refresh
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_sd.ec2.api import Connect, Ec2Api, connect, is_refused
from narthex_sd.ec2.config import Ec2Config
from narthex_sd.ec2.labels import group
from narthex_sd.ec2.transport import Transport

__all__ = ["Ec2Discoverer"]


class Ec2Discoverer:
    """One ``ec2_sd_configs`` block; ``connect`` makes its client."""

    def __init__(self, config: Ec2Config, context: BuildContext, connect: Connect = connect) -> None:
        self._config = config
        self._context = context
        self._connect = connect
        self._transport = Transport(config.http, context.clock)
        self._api: Ec2Api | None = None
        self._zone_ids: Mapping[str, str] | None = None

    async def run(self, publish: Publish) -> None:
        """Poll until cancelled, or until a refresh fails."""
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="ec2-discovery")

        async def fetch() -> Sequence[TargetGroup]:
            return await loop.run_in_executor(thread, self._look)

        try:
            async with self._transport:
                await refresh(self._config.refresh_interval, fetch, self._context).run(publish)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> Sequence[TargetGroup]:
        """One refresh. Any page that fails fails all of it."""
        if self._api is None:
            self._api = self._connect(self._config, self._transport.send)
        api = self._api
        try:
            reservations = list(api.reservations(self._config.filters))
        except Exception as error:
            if is_refused(error):
                self._api = None
            raise
        return [group(reservations, api.region, self._config.port, self._zones(api))]

    def _zones(self, api: Ec2Api) -> Mapping[str, str]:
        """Asked for until they are known; the call may be forbidden, which is no reason to go without targets."""
        if self._zone_ids is None:
            try:
                self._zone_ids = api.zones()
            except Exception as error:  # noqa: BLE001 -- whatever the library raises: one label is missing, not more
                self._context.log.debug("Availability zones are not known", extra={"err": str(error)})
        return self._zone_ids or {}


_: type[Discoverer] = Ec2Discoverer
