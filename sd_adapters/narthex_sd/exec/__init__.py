"""``exec_sd_configs``: target groups that a program prints."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_sd.exec.config import ExecConfig

__all__ = ["ExecConfig", "narthex_discovery_kinds"]


def _build(config: ExecConfig, context: BuildContext) -> Discoverer:
    from narthex_sd.exec.discovery import PolledProgram, StreamingProgram

    return PolledProgram(config, context) if config.mode == "refresh" else StreamingProgram(config, context)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``exec``."""
    return [
        DiscoveryKind(
            name="exec",
            config=ExecConfig,
            build=_build,
            summary="Target groups that a program prints: run again and again, or kept running.",
        )
    ]
