"""``consul_sd_configs``: services of a Consul catalog, followed by blocking queries."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_sd.consul.config import ConsulConfig

__all__ = ["ConsulConfig", "narthex_discovery_kinds"]


def _build(config: ConsulConfig, context: BuildContext) -> Discoverer:
    from narthex_sd.consul.discovery import ConsulDiscoverer

    return ConsulDiscoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``consul``."""
    return [
        DiscoveryKind(
            name="consul",
            config=ConsulConfig,
            build=_build,
            requires=("consul",),
            extra="consul",
            stability="stable",
            summary="Services of a Consul catalog with their health, noticed as soon as they change.",
        )
    ]
