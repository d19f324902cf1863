"""Which storage a configuration asks for, and building it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from narthex.config.sections import Config
from narthex.config.types import Duration, Size
from narthex.errors import StorageError
from narthex.kinds import BuildContext, StorageKind
from narthex.options import ServerOptions
from narthex.plugins.building import built
from narthex.plugins.catalog import Catalog, Contribution
from narthex.storage.protocol import Reconfigurable, Storage

__all__ = ["Retention", "build_storage", "change_storage", "needs_restart", "retention", "storage_kind"]

DEFAULT_RETENTION = Duration(15 * 86_400_000)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: for how long, how many bytes, and how many per cent of the disk, which wins over bytes. 0: any."""

    time: Duration
    size: Size = Size(0)
    percentage: float = 0.0

    def __str__(self) -> str:
        """As the runtime information shows it."""
        size = f"{self.percentage:g}%" if self.percentage else str(self.size) if self.size else ""
        return " or ".join(one for one in (str(self.time) if self.time else "", size) if one)


def retention(config: Config, options: ServerOptions) -> Retention:
    """What is kept.

    The section ``narthex.storage`` decides where it is there; else, each for itself, the keys under
    ``storage.tsdb.retention``, then the flags: the file wins. Where nothing sets a bound, it is 15 days.
    """
    own = config.narthex.storage.config
    if own is not None:
        time, size = getattr(own, "retention", Duration(0)), getattr(own, "retention_size", Size(0))
        return Retention(time, size, getattr(own, "retention_percentage", 0.0))
    said = config.storage.tsdb.retention
    size = said.size or options.storage_retention_size
    time = options.storage_retention if said.time is None else said.time
    if not (time or size or said.percentage):
        time = DEFAULT_RETENTION
    return Retention(time, size, said.percentage)


def needs_restart(new: Config, old: Config, options: ServerOptions, catalog: Catalog) -> str:
    """The key of the storage whose change cannot be put in force while the server runs; empty where none changed."""
    if new.narthex.storage.kind != old.narthex.storage.kind:
        return "narthex.storage"
    one, other = (_settings(config, options, catalog) for config in (new, old))
    kind = storage_kind(new, catalog).kind
    for name in (one.name for one in fields(one)):
        if name not in kind.reloadable and getattr(one, name) != getattr(other, name):
            return f"narthex.storage.{kind.name}.{name}" if new.narthex.storage.config else _KEYS.get(name, name)
    return ""


def change_storage(storage: Storage, new: Config, options: ServerOptions, catalog: Catalog) -> None:
    """Put the settings of a configuration in force that :func:`needs_restart` has nothing against."""
    if isinstance(storage, Reconfigurable):
        storage.reconfigure(_settings(new, options, catalog))


def storage_kind(config: Config, catalog: Catalog) -> Contribution[StorageKind]:
    """The kind that the configuration names. Raises ``StorageError`` when no plugin brings it."""
    name = config.narthex.storage.kind
    found = catalog.storage.get(name)
    if found is None:
        raise StorageError(f"storage kind {name!r} is not installed; there are: {', '.join(catalog.storage) or 'none'}")
    return found


def build_storage(config: Config, options: ServerOptions, catalog: Catalog, context: BuildContext) -> Storage:
    """Build the storage.

    Raises ``StorageError`` when the kind is not installed, ``PluginError`` when its builder fails or builds something
    else.
    """
    settings = _settings(config, options, catalog)
    needed = ("start", "stop", "register", "append", "select")
    storage: Storage = built(storage_kind(config, catalog), settings, context, needed)
    return storage


def _settings(config: Config, options: ServerOptions, catalog: Catalog) -> Any:
    """The kind's config.

    Where the section is absent, flags and ``storage.tsdb`` decide those of the fields in ``_KEYS`` that it has.
    """
    settings: Any = config.narthex.storage.config
    if settings is not None:
        return settings
    settings = storage_kind(config, catalog).kind.config()
    kept = retention(config, options)
    effective = {
        "retention": kept.time,
        "retention_size": kept.size,
        "retention_percentage": kept.percentage,
        "out_of_order_window": config.storage.tsdb.out_of_order_time_window,
        "wal_fsync": options.storage_wal_fsync,
    }
    known = {one.name for one in fields(settings)}
    return replace(settings, **{name: value for name, value in effective.items() if name in known})


_KEYS = {
    "retention": "storage.tsdb.retention.time",
    "retention_size": "storage.tsdb.retention.size",
    "retention_percentage": "storage.tsdb.retention.percentage",
    "out_of_order_window": "storage.tsdb.out_of_order_time_window",
}
