"""Which storage a configuration asks for, and building it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from narthex.config.sections import Config
from narthex.config.types import Duration
from narthex.errors import StorageError
from narthex.kinds import BuildContext, StorageKind
from narthex.options import ServerOptions
from narthex.plugins.catalog import Catalog, Contribution
from narthex.storage.protocol import Storage

__all__ = ["build_storage", "retention", "storage_kind"]


def retention(config: Config, options: ServerOptions) -> Duration:
    """How long samples are kept: the file wins over the flag, as in Prometheus. 0 keeps everything."""
    in_file = config.storage.tsdb.retention.time
    return options.storage_retention if in_file is None else in_file


def storage_kind(config: Config, catalog: Catalog) -> Contribution[StorageKind]:
    """The kind that the configuration names. Raises ``StorageError`` when no plugin brings it."""
    name = config.narthex.storage.kind
    found = catalog.storage.get(name)
    if found is None:
        raise StorageError(f"storage kind {name!r} is not installed; there are: {', '.join(catalog.storage) or 'none'}")
    return found


def build_storage(config: Config, options: ServerOptions, catalog: Catalog, context: BuildContext) -> Storage:
    """Build the storage. A kind whose config has a ``retention`` gets the effective one where the section is absent."""
    found = storage_kind(config, catalog)
    settings: Any = config.narthex.storage.config
    if settings is None:
        settings = found.kind.config()
        if any(one.name == "retention" for one in fields(settings)):
            settings = replace(settings, retention=retention(config, options))
    return found.kind.build(settings, context)
