"""Every hook of Narthex: the contract with plugin authors.

All hooks are *contribution* hooks: synchronous, without arguments, called once when a manager is made (at start,
and for each ``check``), on the main thread, before anything runs. Each returns an iterable of frozen kinds
(:mod:`narthex.kinds`). What raises, or returns something else, is reported with plugin, distribution and version, and
skipped; everybody else's contributions stay. Two plugins that contribute the same name are a start-up error that names
both distributions.

A plugin is a module (or object) with functions marked by :data:`narthex.hookimpl`, announced by an entry point of the
group ``narthex`` in its distribution's metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from narthex.kinds import DiscoveryKind, ReceiverKind, RelabelAction, ScrapeKind, StorageKind, WebRoute

__all__ = [
    "narthex_discovery_kinds",
    "narthex_receiver_kinds",
    "narthex_relabel_actions",
    "narthex_scrape_kinds",
    "narthex_storage_kinds",
    "narthex_web_routes",
]

hookspec = pluggy.HookspecMarker("narthex")


@hookspec
def narthex_discovery_kinds() -> Iterable[DiscoveryKind]:
    """Ways to find targets, usable as ``<name>_sd_configs`` in scrape configs and Alertmanager configs."""
    return ()


@hookspec
def narthex_relabel_actions() -> Iterable[RelabelAction]:
    """Actions for ``relabel_configs``, ``metric_relabel_configs`` and ``alert_relabel_configs``."""
    return ()


@hookspec
def narthex_scrape_kinds() -> Iterable[ScrapeKind]:
    """Body formats that a target may answer with."""
    return ()


@hookspec
def narthex_storage_kinds() -> Iterable[StorageKind]:
    """Places where samples live; ``narthex: {storage: {<name>: …}}`` selects one, ``tsdb`` is the default."""
    return ()


@hookspec
def narthex_receiver_kinds() -> Iterable[ReceiverKind]:
    """Ways to hand alerts over without an Alertmanager, usable under ``narthex: {receivers: …}``."""
    return ()


@hookspec
def narthex_web_routes() -> Iterable[WebRoute]:
    """Pages and API paths; a path under ``/api/v1/`` or ``/-/`` that the core serves itself is refused."""
    return ()
