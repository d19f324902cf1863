"""``dns_sd_configs``: targets from DNS records."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_sd.dns.config import DnsConfig

__all__ = ["DnsConfig", "narthex_discovery_kinds"]


def _build(config: DnsConfig, context: BuildContext) -> Discoverer:
    from narthex_sd.dns.discovery import DnsDiscoverer
    from narthex_sd.dns.lookup import Resolver

    return DnsDiscoverer(config, context, Resolver(config.nameservers).lookup)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``dns``."""
    return [
        DiscoveryKind(
            name="dns",
            config=DnsConfig,
            build=_build,
            requires=("dns",),
            extra="dns",
            stability="stable",
            summary="Targets from SRV, A, AAAA, MX or NS records.",
        )
    ]
