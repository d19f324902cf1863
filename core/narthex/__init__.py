"""Narthex: monitoring and alerting in which every stage is a plugin kind.

A plugin imports one name from here, :data:`hookimpl`, and the kinds it contributes from :mod:`narthex.kinds`::

    from narthex import hookimpl
    from narthex.kinds import DiscoveryKind

    @hookimpl
    def narthex_discovery_kinds():
        return [DiscoveryKind(name="cmdb", config=CmdbConfig, build=CmdbDiscoverer)]
"""

from __future__ import annotations

import pluggy

__all__ = ["__version__", "hookimpl"]

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("narthex")
"""Marks a function as Narthex's hook implementation; see :mod:`narthex.hookspec` for the hooks."""
