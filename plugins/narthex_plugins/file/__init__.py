"""``file_sd_configs``: target groups in JSON and YAML files, taken up as soon as a file changes."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_plugins.file.config import FileConfig

__all__ = ["FileConfig", "narthex_discovery_kinds"]


def _build(config: FileConfig, context: BuildContext) -> Discoverer:
    from narthex_plugins.file.discovery import FileDiscoverer

    return FileDiscoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``file``."""
    return [
        DiscoveryKind(
            name="file",
            config=FileConfig,
            build=_build,
            deliberate=True,
            stability="stable",
            summary="Target groups in JSON and YAML files, noticed as soon as they change.",
        )
    ]
