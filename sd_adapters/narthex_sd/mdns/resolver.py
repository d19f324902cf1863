"""What zeroconf knows of an instance, as a target group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from narthex.model.targetgroup import TargetGroup
from narthex_sd.mdns.config import IpVersion
from narthex_sd.mdns.labels import Service, group

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

__all__ = ["Resolver"]

_ANSWER = 3_000.0
"""Milliseconds to wait for the records of one instance."""


class Resolver:
    """Reads zeroconf's cache, and fills it by asking. The methods take the service type and the instance's name."""

    def __init__(self, zeroconf: Zeroconf, ip_version: IpVersion) -> None:
        self._zeroconf = zeroconf
        self._ip_version = ip_version

    def is_service(self, kind: str, name: str) -> bool:
        """Whether an instance can have this name: anybody on the network may announce anything."""
        from zeroconf import BadTypeInNameException
        from zeroconf.asyncio import AsyncServiceInfo

        try:
            AsyncServiceInfo(kind, name)
        except BadTypeInNameException:
            return False
        return True

    def load(self, kind: str, name: str) -> TargetGroup | None:
        """The group as the cache has it; None while records are missing."""
        from zeroconf.asyncio import AsyncServiceInfo

        info = AsyncServiceInfo(kind, name)
        if not info.load_from_cache(self._zeroconf) or info.server is None:
            return None
        return group(_service(info), self._ip_version)

    async def ask(self, kind: str, name: str) -> bool:
        """Ask for the records that are missing; whether there is none any more."""
        from zeroconf.asyncio import AsyncServiceInfo

        info = AsyncServiceInfo(kind, name)
        return await info.async_request(self._zeroconf, _ANSWER) and info.server is not None


def _service(info: ServiceInfo) -> Service:
    return Service(
        name=info.name,
        type=info.type,
        server=info.server or "",
        port=info.port or 0,
        addresses=tuple(info.parsed_scoped_addresses()),
        txt=info.properties,
    )
