"""``narthex tsdb import`` and ``create-blocks-from openmetrics``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from narthex.cli.flags import Parsed
from narthex.cli.output import line
from narthex.cli.progress import progress_bar
from narthex.config.names import is_label_name
from narthex.errors import UsageError

if TYPE_CHECKING:
    from narthex_plugins.tsdb.transfer.importing import Imported

__all__ = ["from_openmetrics", "import_"]

_SOURCE = click.Path(exists=True, allow_dash=True)


def _pair(text: str) -> tuple[str, str]:
    name, equal, value = text.partition("=")
    if not equal or not is_label_name(name, legacy=False) or name == "__name__":
        raise ValueError(f"{text!r} is not name=value")
    return name, value


_LABEL = click.option("--label", "labels", multiple=True, type=Parsed("name=value", _pair),
                      help="Set this label on every series of OpenMetrics text; repeatable.")  # fmt: skip


@click.command("import")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default="data",
    show_default=True,
    help="The data directory that gets the samples; made when it is not there.",
)
@_LABEL
@click.argument("sources", nargs=-1, required=True, type=_SOURCE)
def import_(into: Path, labels: tuple[tuple[str, str], ...], sources: tuple[str, ...]) -> int:  # fmt: skip
    """Import OpenMetrics files and Prometheus's data directories.

    A source is a file of OpenMetrics text with a timestamp in every line (.gz or not, - for standard input), or a data
    directory, a snapshot or a block of Prometheus; the write-ahead log of a stopped Prometheus is read too. No server
    may be running on the directory that gets the samples.

    A file is imported as a whole or not at all. Of a directory each block is; blocks imported before are left out, so
    an import that was interrupted is continued by running it again.
    """
    for source in sources:
        _import(into, source, dict(labels))
    return 0


@click.command("openmetrics")
@_LABEL
@click.argument("source", type=_SOURCE)
@click.argument("output", type=click.Path(file_okay=False, path_type=Path), default="data")
def from_openmetrics(labels: tuple[tuple[str, str], ...], source: str, output: Path) -> int:
    """Write the samples of an OpenMetrics file as blocks.

    The same as ``narthex tsdb import --into OUTPUT SOURCE``.
    """
    _import(output, source, dict(labels))
    return 0


def _import(into: Path, source: str, labels: Mapping[str, str]) -> None:
    from narthex_plugins.tsdb.transfer.importing import import_openmetrics, import_prometheus
    from narthex_plugins.tsdb.transfer.intake import Intake

    directory = source != "-" and Path(source).is_dir()
    if directory and labels:
        raise UsageError("--label is for OpenMetrics text; blocks of Prometheus keep the labels they have")
    with progress_bar() as tell, Intake(into) as intake:
        if directory:
            found = import_prometheus(intake, Path(source), tell)
        else:
            found = import_openmetrics(intake, source, tell, labels)
    _report(source, found)


def _report(source: str, found: Imported) -> None:
    skipped = f" ({found.skipped} were there already)" if found.skipped else ""
    line(f"{source}: {found.samples} samples, {found.blocks} blocks{skipped}")
