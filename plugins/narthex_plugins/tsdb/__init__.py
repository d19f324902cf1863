"""The embedded storage: series as dictionary columns, samples as rows of slabs (docs/explanation/columns.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from narthex import hookimpl
from narthex.config.types import Duration, FilePath, Size
from narthex.kinds import BuildContext, Command, StorageKind

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from narthex_plugins.tsdb.reading import StoredTsdb
    from narthex_plugins.tsdb.storage import Tsdb

__all__ = ["TsdbConfig", "narthex_commands", "narthex_storage_kinds"]

_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class TsdbConfig:
    """``narthex: {storage: {tsdb: …}}``. What stands there wins over the server's flags.

    ``path`` is the data directory; without it the server's own (``BuildContext.data``) is used, and without that too
    samples live in memory only. Samples are kept for ``retention``. ``retention_size`` bounds the bytes of all files,
    and so does ``retention_percentage``, the share of the disk that they may take, which wins; blocks are removed,
    oldest first, to keep it. 0 means no bound. Samples older than the newest of their series are taken when they are
    at most ``out_of_order_window`` older than the newest of all. ``wal_fsync``: samples are made durable within a
    second (``interval``), or at once (``always``), by a thread; ``acknowledged`` waits for it.
    """

    path: FilePath | None = None
    retention: Duration = Duration(15 * _DAY)
    retention_size: Size = Size(0)
    retention_percentage: float = 0.0
    out_of_order_window: Duration = Duration(0)
    wal_fsync: Literal["interval", "always"] = "interval"

    def check(self) -> Iterator[tuple[str, str]]:
        """Shares are per cent."""
        if not 0 <= self.retention_percentage <= 100:
            yield "retention_percentage", "must be in the range [0, 100]"


def build(config: TsdbConfig, context: BuildContext) -> Tsdb:
    """The storage; opens nothing before ``start``."""
    from narthex_plugins.tsdb.storage import Tsdb

    return Tsdb(config, context)


def read(path: Path) -> StoredTsdb:
    """What a data directory holds; a server may be running on it."""
    from narthex_plugins.tsdb.reading import read_directory

    return read_directory(path)


@hookimpl
def narthex_storage_kinds() -> list[StorageKind]:
    """The default storage."""
    return [
        StorageKind(
            name="tsdb",
            config=TsdbConfig,
            build=build,
            stability="stable",
            summary="Embedded: aligned rows in memory, a write-ahead log, compressed blocks.",
            read=read,
            reloadable=("retention", "retention_size", "retention_percentage", "out_of_order_window"),
        )
    ]


def build_commands() -> click.Command:
    """The group ``tsdb``."""
    from narthex_plugins.tsdb.cli.group import tsdb

    return tsdb


@hookimpl
def narthex_commands() -> list[Command]:
    """``narthex tsdb``."""
    summary = "Work on data directories, Narthex's own and Prometheus's."
    return [Command(name="tsdb", build=build_commands, stability="stable", summary=summary)]
