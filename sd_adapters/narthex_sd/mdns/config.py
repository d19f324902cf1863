"""What ``mdns_sd_configs`` takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from narthex.config.types import Duration

__all__ = ["IpVersion", "MdnsConfig"]

IpVersion = Literal["all", "v4", "v6"]

# RFC 6335 §5.1: 15 characters at most, letters, digits and single hyphens inside
_TYPE = re.compile(r"_(?=[a-z0-9-]{1,15}\.)[a-z0-9]+(-[a-z0-9]+)*\._(tcp|udp)", re.IGNORECASE)
_TYPES_OF_TYPES = "_services._dns-sd._udp"


@dataclass(frozen=True, slots=True)
class MdnsConfig:
    """Every instance of the service types, as it comes and goes.

    ``interfaces`` are names or addresses of network interfaces, all if left out. ``ip_version`` limits both where is
    asked and which addresses become targets. ``domain`` can only be ``local``, the one domain that mDNS has.
    ``browse_time`` is how long answers are collected before the first set is published; announcements after that are
    published as they come.
    """

    service_types: tuple[str, ...] = ("_prometheus-http._tcp",)
    domain: Literal["local"] = "local"
    interfaces: tuple[str, ...] = ()
    ip_version: IpVersion = "all"
    browse_time: Duration = Duration(3_000)

    def check(self) -> Iterator[tuple[str, str]]:
        """Types are services' types."""
        if not self.service_types:
            yield "service_types", "mdns service discovery config must contain at least one service type"
        for one in self.service_types:
            if one.lower() == _TYPES_OF_TYPES:
                yield "service_types", f"{one} lists the types of services, not services; name the types themselves"
            elif not _TYPE.fullmatch(one) or not re.search("[a-zA-Z]", one.partition(".")[0]):
                yield "service_types", f'expected a service type such as "_prometheus-http._tcp", got "{one}"'
