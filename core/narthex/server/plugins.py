"""Plugins as ``/api/v1/status/plugins`` shows them: what each brings, and what went wrong, at load and since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from narthex.discovery.state import DiscovererStatus
from narthex.plugins.catalog import STAGES, Origin
from narthex.plugins.host import PluginHost

__all__ = ["plugin_report"]

_SHOWN = 10


def plugin_report(host: PluginHost, discoverers: Sequence[DiscovererStatus]) -> list[dict[str, Any]]:
    """One entry for each plugin, shipped ones first; those that could not be loaded at the end."""
    failures: dict[Origin, list[dict[str, Any]]] = defaultdict(list)
    for failure in host.failures():
        failures[failure.origin].append({"hook": failure.hook, "what": failure.what})
    for one in discoverers:
        if one.origin is not None and one.last_error:
            what = f"{one.provider} of {', '.join(one.jobs)}: {one.last_error}"
            entry: dict[str, Any] = {
                "hook": "narthex_discovery_kinds",
                "what": what,
                "state": one.state.value,
                "counts": one.failures,
            }
            if one.troubles:
                entry["troubles"] = [f"{part}: {reason}" for part, reason in one.troubles[:_SHOWN]]
            failures[one.origin].append(entry)
    contributions = _contributions(host)
    origins = dict.fromkeys((*host.plugins(), *failures))
    return [
        {
            "plugin": origin.plugin,
            "distribution": origin.distribution,
            "version": origin.version,
            "contributions": contributions[origin],
            "failures": failures[origin],
        }
        for origin in origins
    ]


def _contributions(host: PluginHost) -> dict[Origin, list[dict[str, str]]]:
    found: dict[Origin, list[dict[str, str]]] = defaultdict(list)
    for stage, kind in STAGES.items():
        for contribution in host.contributions(kind):
            found[contribution.origin].append({"stage": stage, "name": contribution.name})
    return found
