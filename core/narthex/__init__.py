"""Narthex: monitoring and alerting in which every stage is a plugin kind.

A plugin imports one name from here, :data:`hookimpl`, and the kinds it contributes from :mod:`narthex.kinds`::

    from narthex import hookimpl
    from narthex.kinds import DiscoveryKind

    @hookimpl
    def narthex_discovery_kinds():
        return [DiscoveryKind(name="cmdb", config=CmdbConfig, build=CmdbDiscoverer)]

A program that works with stored samples needs one name too, :func:`open`::

    import narthex

    with narthex.open("data") as database:
        print(database.query("sum by (job) (up)").to_pandas())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from narthex.library import Database

__all__ = ["__version__", "hookimpl", "open"]

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("narthex")
"""Marks a function as Narthex's hook implementation; see :mod:`narthex.hookspec` for the hooks."""


def open(  # noqa: A001 -- narthex.open, as gzip.open
    path: str | PathLike[str], *, storage: str = "tsdb", plugins: Mapping[str, object] | None = None
) -> Database:
    """Open a data directory for reading; a server may be running on it.

    What is seen is what the server had written at this moment: with the embedded storage everything but about the last
    second. What comes later is seen by whoever opens again. ``storage`` names the kind of storage that wrote the
    directory; ``plugins`` are the plugins by name, in place of the installed ones.

    Raises ``StorageError`` when the directory cannot be read, or when no plugin brings the kind.
    """
    from narthex.library import open_database  # numpy and the engine; a plugin that imports narthex waits for neither

    return open_database(path, storage=storage, plugins=plugins)
