"""``ec2_sd_configs``: instances of Amazon EC2, and of whatever else speaks its API."""

from __future__ import annotations

from collections.abc import Sequence

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex_sd.ec2.config import Ec2Config, Ec2Filter

__all__ = ["Ec2Config", "Ec2Filter", "narthex_discovery_kinds"]


def _build(config: Ec2Config, context: BuildContext) -> Discoverer:
    from narthex_sd.ec2.discovery import Ec2Discoverer

    return Ec2Discoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``ec2``."""
    return [
        DiscoveryKind(
            name="ec2",
            config=Ec2Config,
            build=_build,
            requires=("boto3",),
            extra="ec2",
            stability="stable",
            summary="Instances of Amazon EC2.",
        )
    ]
