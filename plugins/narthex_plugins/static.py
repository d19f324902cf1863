"""``static_configs``: targets that stand in the configuration itself.

All blocks of a job are one discoverer; the sources are their numbers, ``"0"``, ``"1"``, …, as in Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from narthex import hookimpl
from narthex.config.types import LabelName
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind, Publish
from narthex.model.targetgroup import TargetGroup

__all__ = ["StaticConfig", "StaticDiscoverer", "narthex_discovery_kinds"]


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """One block. ``targets`` become ``__address__`` as they are; ``labels`` may hold ``__scheme__`` and the like."""

    targets: tuple[str, ...] = ()
    labels: Mapping[LabelName, str] = field(default_factory=dict)


class StaticDiscoverer:
    """Publishes once and is finished."""

    def __init__(self, configs: Sequence[StaticConfig], _context: BuildContext) -> None:
        self._groups = [
            TargetGroup(str(index), tuple({"__address__": target} for target in config.targets), _plain(config.labels))
            for index, config in enumerate(configs)
        ]

    async def run(self, publish: Publish) -> None:
        """Hand the groups over; there is nothing to wait for."""
        publish(self._groups)


def _plain(labels: Mapping[LabelName, str]) -> dict[str, str]:
    return {str(name): value for name, value in labels.items()}


_: type[Discoverer] = StaticDiscoverer


@hookimpl
def narthex_discovery_kinds() -> Sequence[DiscoveryKind]:
    """Kind ``static``."""
    return [
        DiscoveryKind(
            name="static",
            config=StaticConfig,
            build=StaticDiscoverer,
            merge=True,
            stability="stable",
            summary="Targets listed in the configuration.",
        )
    ]
