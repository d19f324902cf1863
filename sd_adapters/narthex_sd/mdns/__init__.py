"""``mdns_sd_configs``: services that announce themselves on the local network (mDNS, DNS-SD; Bonjour, Avahi)."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_sd.mdns.config import MdnsConfig

__all__ = ["MdnsConfig", "narthex_discovery_kinds"]


def _build(config: MdnsConfig, context: BuildContext) -> Discoverer:
    from narthex_sd.mdns.discovery import MdnsDiscoverer

    return MdnsDiscoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``mdns``."""
    return [
        DiscoveryKind(
            name="mdns",
            config=MdnsConfig,
            build=_build,
            deliberate=True,
            requires=("zeroconf",),
            extra="mdns",
            summary="Services that announce themselves on the local network.",
        )
    ]
