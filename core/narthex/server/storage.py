"""Which storage a configuration asks for, and building it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from narthex.config.sections import Config
from narthex.config.types import Duration
from narthex.errors import StorageError
from narthex.kinds import BuildContext, StorageKind
from narthex.options import ServerOptions
from narthex.plugins.building import built
from narthex.plugins.catalog import Catalog, Contribution
from narthex.storage.protocol import Storage

__all__ = ["build_storage", "needs_restart", "retention", "storage_kind"]

DEFAULT_RETENTION = Duration(15 * 86_400_000)


def retention(config: Config, options: ServerOptions) -> Duration:
    """How long samples are kept.

    The section ``narthex.storage`` decides where it is there, then ``storage.tsdb.retention.time``, then the flag: the
    file wins. 0 means the default, all as in Prometheus.
    """
    own = getattr(config.narthex.storage.config, "retention", None)
    in_file = config.storage.tsdb.retention.time if own is None else own
    return Duration((options.storage_retention if in_file is None else in_file) or DEFAULT_RETENTION)


def needs_restart(new: Config, old: Config, options: ServerOptions) -> str:
    """The key of the storage whose change cannot be put in force while the server runs; empty where none changed."""
    if new.narthex.storage != old.narthex.storage:
        return "narthex.storage"
    if new.narthex.storage.config is not None:  # then Prometheus's section means nothing
        return ""
    tsdb, before = new.storage.tsdb, old.storage.tsdb
    if retention(new, options) != retention(old, options):
        return "storage.tsdb.retention"
    if (tsdb.retention.size or options.storage_retention_size) != (
        before.retention.size or options.storage_retention_size
    ):
        return "storage.tsdb.retention.size"
    window = tsdb.out_of_order_time_window != before.out_of_order_time_window
    return "storage.tsdb.out_of_order_time_window" if window else ""


def storage_kind(config: Config, catalog: Catalog) -> Contribution[StorageKind]:
    """The kind that the configuration names. Raises ``StorageError`` when no plugin brings it."""
    name = config.narthex.storage.kind
    found = catalog.storage.get(name)
    if found is None:
        raise StorageError(f"storage kind {name!r} is not installed; there are: {', '.join(catalog.storage) or 'none'}")
    return found


def build_storage(config: Config, options: ServerOptions, catalog: Catalog, context: BuildContext) -> Storage:
    """Build the storage.

    Where the section is absent, flags and ``storage.tsdb`` decide what the kind's config has of ``retention``,
    ``retention_size``, ``out_of_order_window`` and ``wal_fsync``. Raises ``StorageError`` when the kind is not
    installed, and ``PluginError`` when its builder fails or builds something else.
    """
    found = storage_kind(config, catalog)
    settings: Any = config.narthex.storage.config
    if settings is None:
        settings = found.kind.config()
        effective = {
            "retention": retention(config, options),
            "retention_size": config.storage.tsdb.retention.size or options.storage_retention_size,
            "out_of_order_window": config.storage.tsdb.out_of_order_time_window,
            "wal_fsync": options.storage_wal_fsync,
        }
        known = {one.name for one in fields(settings)}
        settings = replace(settings, **{name: value for name, value in effective.items() if name in known})
    storage: Storage = built(found, settings, context, ("start", "stop", "register", "append", "select"))
    return storage
