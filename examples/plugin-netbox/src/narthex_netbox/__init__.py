"""Targets from the CMDB NetBox: its devices and virtual machines, over the REST API."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from narthex import hookimpl
from narthex.config.http import HttpConfig
from narthex.config.types import Count, Duration, Url, inline
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind

Role = Literal["device", "virtual_machine"]


@dataclass(frozen=True)
class NetboxConfig:
    """One block of ``netbox_sd_configs``. ``http`` brings the keys of credentials, TLS and proxies."""

    url: Url
    role: Role = "device"
    port: int = 9100
    address: Literal["primary_ip", "name"] = "primary_ip"
    filters: Mapping[str, str] = field(default_factory=dict)
    page_size: Count = Count(500)
    refresh_interval: Duration = Duration(60_000)
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())

    def check(self) -> Iterator[tuple[str, str]]:
        """What the types cannot say."""
        if not 0 < self.port < 65536:
            yield "port", "must be from 1 to 65535"
        for name in ("page_size", "refresh_interval"):
            if getattr(self, name) == 0:
                yield name, "must not be 0"
        for name in {"limit", "offset"} & self.filters.keys():
            yield "filters", f"{name} is set while paging; use page_size"


def build(config: NetboxConfig, context: BuildContext) -> Discoverer:
    """A discoverer."""
    from narthex_netbox.discovery import NetboxDiscoverer

    return NetboxDiscoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> list[DiscoveryKind]:
    """Makes ``netbox_sd_configs`` known."""
    return [DiscoveryKind("netbox", NetboxConfig, build, summary="Devices and virtual machines of NetBox")]
