"""Which Alertmanagers a configuration block means: discovered groups, relabelled, to URLs. Pure, like ``targets()``.

Reference §3.6: group labels may replace scheme and path; an address that cannot be one discards its whole group, with
a reason. The same URL twice in one block is one Alertmanager.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from narthex.config.sections import AlertmanagerConfig
from narthex.errors import PluginError
from narthex.model.labels import Labels
from narthex.model.targetgroup import TargetGroup
from narthex.relabel.rules import Rules

__all__ = ["Endpoints", "endpoints"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs to send to, URLs that relabeling dropped, and what was wrong with discarded groups."""

    active: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def endpoints(config: AlertmanagerConfig, groups: Iterable[TargetGroup], rules: Rules) -> Endpoints:
    """Decide over the Alertmanagers of one block."""
    active: dict[str, None] = {}
    dropped: dict[str, None] = {}
    errors: list[str] = []
    for group in groups:
        try:
            kept, gone = _group(config, group, rules)
        except (ValueError, PluginError) as error:
            errors.append(f"{group.source}: {error}")
            continue
        active.update(dict.fromkeys(kept))
        dropped.update(dict.fromkeys(gone))
    return Endpoints(tuple(active), tuple(dropped), tuple(errors))


def _group(config: AlertmanagerConfig, group: TargetGroup, rules: Rules) -> tuple[list[str], list[str]]:
    kept: list[str] = []
    gone: list[str] = []
    path = f"/{config.path_prefix.strip('/')}/api/v2/alerts".replace("//", "/")
    for target in group.targets:
        own = {**target, "__scheme__": config.scheme, "__alerts_path__": path}
        labels = Labels({**own, **{name: value for name, value in group.labels.items() if name not in target}})
        relabelled = rules.apply(labels.to_dict())
        if relabelled is None:
            gone.append(_url(labels))
        else:
            kept.append(_url(relabelled))
    return kept, gone


def _url(labels: Mapping[str, str]) -> str:
    address = labels.get("__address__", "")
    if not address:
        raise ValueError("no address")
    if "/" in address:
        raise ValueError(f'"{address}" is not a valid hostname')
    return f"{labels.get('__scheme__', 'http')}://{address}{labels.get('__alerts_path__', '')}"
