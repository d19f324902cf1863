"""``narthex tsdb export``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from narthex.cli.output import line
from narthex.cli.progress import progress_bar
from narthex.errors import UsageError
from narthex_plugins.tsdb.cli.options import DATA, milliseconds, window

__all__ = ["export"]


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(["openmetrics", "parquet"]),
    default="openmetrics",
    show_default=True,
    help="What is written.",
)
@click.option(
    "-o",
    "--output",
    default="-",
    show_default=True,
    help="The file of OpenMetrics text (- for standard output), or the directory of the Parquet files.",
)
@window
@DATA
def export(data: Path, form: str, output: str, match: str, start: float | None, end: float | None) -> int:  # fmt: skip
    """Export samples as OpenMetrics text or as Parquet files.

    A server may be running on DATA. OpenMetrics text cannot hold native histograms, nor the marks that series ended;
    what is left out is counted. Parquet needs the extra narthex[parquet]; it writes samples.parquet and series.parquet,
    which are joined by their column series.
    """
    from narthex.library.selectors import matchers_of
    from narthex_plugins.tsdb.reading import read_directory
    from narthex_plugins.tsdb.transfer.reading import Wanted

    if form == "parquet" and output == "-":
        raise UsageError("Parquet files need a directory: give --output")
    matchers = matchers_of(match) if match else ()
    wanted = Wanted(matchers, milliseconds(start, -(1 << 60)), milliseconds(end, 1 << 60))
    stored = read_directory(data)
    with progress_bar() as tell:
        if form == "parquet":
            from narthex_plugins.tsdb.transfer.parquet import export_parquet

            samples, series = export_parquet(stored, wanted, Path(output), tell)
            text = f"{output}: {samples} samples of {series} series"
        else:
            from narthex_plugins.tsdb.transfer.openmetricsout import export_openmetrics

            with nullcontext(sys.stdout.buffer) if output == "-" else Path(output).open("wb") as file:
                samples, left_out = export_openmetrics(stored, wanted, file, tell)
            shown = "standard output" if output == "-" else output
            text = f"{shown}: {samples} samples" + (f", {left_out} left out" if left_out else "")
    line(text, err=output == "-")
    return 0
