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
@click.option(
    "--without-histograms",
    is_flag=True,
    help="Leave native histograms out of OpenMetrics text without taking that for a failure.",
)
@window
@DATA
def export(
    data: Path, form: str, output: str, match: str, start: float | None, end: float | None, *, without_histograms: bool
) -> int:
    """Export samples as OpenMetrics text or as Parquet files.

    A server may be running on DATA. OpenMetrics text cannot hold native histograms: those left out are counted, and
    the exit status is 1. Nor can it hold samples without a metric name, and the marks that series ended. Parquet holds
    all samples and needs the extra narthex[parquet]; it writes samples.parquet and series.parquet, which are joined by
    their column series.
    """
    from narthex.library.selectors import matchers_of
    from narthex_plugins.tsdb.reading import read_directory
    from narthex_plugins.tsdb.transfer.reading import Wanted

    if form == "parquet" and output == "-":
        raise UsageError("Parquet files need a directory: give --output")
    matchers = matchers_of(match) if match else ()
    wanted = Wanted(matchers, milliseconds(start, -(1 << 60)), milliseconds(end, 1 << 60))
    stored = read_directory(data)
    histograms = 0
    with progress_bar() as tell:
        if form == "parquet":
            from narthex_plugins.tsdb.transfer.parquet import export_parquet

            samples, series = export_parquet(stored, wanted, Path(output), tell)
            text = f"{output}: {samples} samples of {series} series"
        else:
            from narthex_plugins.tsdb.transfer.openmetricsout import export_openmetrics

            with nullcontext(sys.stdout.buffer) if output == "-" else Path(output).open("wb") as file:
                written = export_openmetrics(stored, wanted, file, tell)
            shown = "standard output" if output == "-" else output
            nameless = f", {written.nameless} without a metric name left out" if written.nameless else ""
            text = f"{shown}: {written.samples} samples{nameless}"
            histograms = written.histograms
    line(text, err=output == "-")
    return _left_out(histograms, meant=without_histograms)


def _left_out(histograms: int, *, meant: bool) -> int:
    """Tell of native histograms that were left out; the exit status."""
    if not histograms:
        return 0
    line(
        f"{histograms} samples that are native histograms were left out: OpenMetrics text cannot hold them."
        + ("" if meant else " To export them: --format parquet; to leave them out: --without-histograms"),
        err=True,
    )
    return 0 if meant else 1
