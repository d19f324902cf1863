"""``http_sd_configs``: target groups that an HTTP server answers with, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_sd.http.config import HttpDiscoveryConfig

__all__ = ["HttpDiscoveryConfig", "narthex_discovery_kinds"]


def _build(config: HttpDiscoveryConfig, context: BuildContext) -> Discoverer:
    from narthex_sd.http.discovery import HttpDiscoverer

    return HttpDiscoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``http``."""
    return [
        DiscoveryKind(
            name="http",
            config=HttpDiscoveryConfig,
            build=_build,
            stability="stable",
            summary="Target groups that an HTTP server answers with, as JSON.",
        )
    ]
