"""Which plugins ship, for code that does not start at the composition file: the library, in somebody's notebook.

The console script is given the composition by whoever starts it. A program that only imports ``narthex`` finds it
through the metadata of the installed distribution: the entry point ``standard`` of the group ``narthex.composition``.
So the core names no plugin here either, and a distribution with a composition of its own announces that.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from narthex.errors import PluginError

__all__ = ["GROUP", "composition"]

GROUP = "narthex.composition"


def composition() -> Mapping[str, object]:
    """Every plugin that ships, by name. Raises ``PluginError`` when no composition is installed."""
    found = sorted(entry_points(group=GROUP), key=lambda one: (one.name == "standard", one.name))
    if not found:
        raise PluginError(f"no distribution announces a composition (entry point group {GROUP}); is narthex installed?")
    # Somebody's own composition comes before the standard one, which it replaces.
    shipped: Mapping[str, object] = found[0].load()()
    return shipped
