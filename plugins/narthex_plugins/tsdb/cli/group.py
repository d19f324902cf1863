"""The group, whose commands are imported when they are used."""

from __future__ import annotations

import click

from narthex.cli.lazy import Lazy, LazyGroup

__all__ = ["create_blocks_from", "tsdb"]

_HERE = "narthex_plugins.tsdb.cli"
_BLOCKS_FROM = {
    "openmetrics": Lazy(f"{_HERE}.imports:from_openmetrics", "Write the samples of an OpenMetrics file as blocks."),
    "rules": Lazy(
        f"{_HERE}.backfill:from_rules", "Evaluate recording rules over stored samples and write the results."
    ),
}


@click.group("create-blocks-from", cls=LazyGroup, lazy=_BLOCKS_FROM)
def create_blocks_from() -> None:
    """Backfill, under the names of promtool."""


_COMMANDS = {
    "list": Lazy(f"{_HERE}.look:list_blocks", "List the blocks and files of a data directory."),
    "analyze": Lazy(f"{_HERE}.look:analyze", "Show which labels make series and which metrics take space."),
    "verify": Lazy(f"{_HERE}.look:verify", "Compare every checksum of a data directory."),
    "snapshot": Lazy(f"{_HERE}.look:snapshot", "Copy a data directory, also while a server runs on it."),
    "import": Lazy(f"{_HERE}.imports:import_", "Import OpenMetrics files and Prometheus's data directories."),
    "export": Lazy(f"{_HERE}.exports:export", "Export samples as OpenMetrics text or as Parquet files."),
    "create-blocks-from": Lazy(f"{_HERE}.group:create_blocks_from", "Backfill, under the names of promtool."),
}


@click.group("tsdb", cls=LazyGroup, lazy=_COMMANDS)
def tsdb() -> None:
    """Work on data directories, Narthex's own and Prometheus's.

    Commands that only read may run beside a server; those that write want the directory for themselves. Ctrl-C is safe
    at any moment. Times are RFC 3339 or seconds since the Unix epoch.
    """
