"""Two contributions that claim one name: neither is right, so both are named and nothing starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

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
from narthex.plugins.catalog import Contribution

__all__ = ["conflicts"]

_STAGES = {
    DiscoveryKind: "discovery kind",
    RelabelAction: "relabel action",
    ScrapeKind: "scrape kind",
    StorageKind: "storage kind",
    ReceiverKind: "receiver kind",
    PromqlFunction: "PromQL function",
    TemplateFunction: "template function",
    Command: "command",
}


def conflicts(stage: Iterable[Contribution[Any]]) -> Iterator[str]:
    """A line for each claim that stands in more than one contribution of a stage."""
    owners: dict[str, Contribution[Any]] = {}
    for contribution in stage:
        for claim in _claims(contribution.kind):
            first = owners.setdefault(claim, contribution)
            if first is not contribution:
                yield f"{claim} is contributed by plugin {first.origin} and by plugin {contribution.origin}"


def _claims(kind: Any) -> list[str]:
    """Everything that a contribution wants for itself alone."""
    if isinstance(kind, WebRoute):
        return [f"web route {kind.method} {kind.path}"]
    claims = [f"{_STAGES[type(kind)]} {kind.name!r}"]
    if isinstance(kind, ScrapeKind):
        claims += [f"scrape protocol {name!r}" for name, _ in kind.protocols]
        claims += [f"media type {name!r}" for name in kind.media_types]
    return claims
