"""Everything that plugins contribute, by stage and name, each with the distribution it came from.

The rest of the core works with a catalog and never sees a plugin: it looks a kind up by name, and prints the origin
whenever something of that kind goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from narthex.kinds import (
    Command,
    DiscoveryKind,
    PromqlFunction,
    ReceiverKind,
    RelabelAction,
    ScrapeKind,
    StorageKind,
    TemplateFunction,
    WebRoute,
)

__all__ = ["STAGES", "Catalog", "Contribution", "Origin"]

K_co = TypeVar("K_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose contribution it is. Without a distribution it is only a name that somebody asked for."""

    plugin: str
    distribution: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.plugin} ({self.distribution} {self.version})" if self.distribution else self.plugin


@dataclass(frozen=True, slots=True)
class Contribution(Generic[K_co]):
    """One kind and where it came from."""

    kind: K_co
    origin: Origin

    @property
    def name(self) -> str:
        """What it is called among those of its stage; of a web route, method and path."""
        kind: Any = self.kind
        return f"{kind.method} {kind.path}" if isinstance(kind, WebRoute) else str(kind.name)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Contributions by stage; each mapping goes from the contribution's name to it."""

    discovery: Mapping[str, Contribution[DiscoveryKind]] = field(default_factory=dict)
    relabel: Mapping[str, Contribution[RelabelAction]] = field(default_factory=dict)
    scrape: Mapping[str, Contribution[ScrapeKind]] = field(default_factory=dict)
    storage: Mapping[str, Contribution[StorageKind]] = field(default_factory=dict)
    receivers: Mapping[str, Contribution[ReceiverKind]] = field(default_factory=dict)
    promql: Mapping[str, Contribution[PromqlFunction]] = field(default_factory=dict)
    templates: Mapping[str, Contribution[TemplateFunction]] = field(default_factory=dict)
    routes: Mapping[str, Contribution[WebRoute]] = field(default_factory=dict)
    commands: Mapping[str, Contribution[Command]] = field(default_factory=dict)


STAGES: Mapping[str, type[Any]] = {
    "discovery": DiscoveryKind,
    "relabel": RelabelAction,
    "scrape": ScrapeKind,
    "storage": StorageKind,
    "receiver": ReceiverKind,
    "promql": PromqlFunction,
    "template": TemplateFunction,
    "web": WebRoute,
    "command": Command,
}
"""How listings call the kinds."""
