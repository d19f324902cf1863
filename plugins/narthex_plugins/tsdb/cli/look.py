"""``narthex tsdb list|analyze|verify|snapshot``: commands that only read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from narthex.cli.output import heading, line, print_json
from narthex.cli.progress import progress_bar
from narthex_plugins.tsdb.cli.options import DATA, duration_text, size_text, time_text

if TYPE_CHECKING:
    from narthex_plugins.tsdb.inspect.analyze import Analysis
    from narthex_plugins.tsdb.inspect.listing import Entry

__all__ = ["analyze", "list_blocks", "snapshot", "verify"]

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("list")
@click.option("-r", "--human-readable", "human", is_flag=True, help="Print times and sizes for people.")
@JSON
@DATA
def list_blocks(data: Path, *, human: bool, as_json: bool) -> int:
    """List the blocks and files of a data directory.

    DATA may be a directory of Prometheus's. Times are those of the oldest and the newest sample, in ms since the epoch.
    The last row, "head", is what all files that are no blocks hold together.
    """
    from narthex_plugins.tsdb.inspect.listing import entries

    found = list(entries(data))
    if as_json:
        print_json([asdict(one) for one in found])
        return 0
    for text in _aligned([_HEAD, *(_row(one, human=human) for one in found)]):
        line(text)
    return 0


_HEAD = ("NAME", "KIND", "LEVEL", "MIN TIME", "MAX TIME", "DURATION", "SAMPLES", "SERIES", "SIZE")


def _row(one: Entry, *, human: bool) -> tuple[str, ...]:
    times = [("" if t is None else time_text(t) if human else str(t)) for t in (one.min_time, one.max_time)]
    span = "" if one.min_time is None or one.max_time is None else duration_text(one.max_time - one.min_time)
    counts = [str(number or "") for number in (one.samples, one.series)]
    size = size_text(one.size) if human else str(one.size)
    return (one.name, one.kind, str(one.level or ""), *times, span, *counts, size)


@click.command("verify")
@DATA
def verify(data: Path) -> int:
    """Compare every checksum of a data directory.

    Pages and chunks are decoded as well. DATA may be a directory of Prometheus's. Exit status 1 means that something is
    damaged; each file is named with what is wrong.
    """
    from narthex_plugins.tsdb.inspect.verify import verify as check

    good = bad = 0
    with progress_bar() as tell:
        for name, problem in check(data, tell):
            if problem:
                bad += 1
                line(f"DAMAGED {name}: {problem}")
            else:
                good += 1
    line(f"{good} verified, {bad} damaged")
    return 1 if bad else 0


@click.command("snapshot")
@DATA
@click.argument("target", type=click.Path(path_type=Path))
def snapshot(data: Path, target: Path) -> int:
    """Copy a data directory, also while a server runs on it.

    TARGET must not exist. Files that never change are linked, so the copy takes hardly any room. It holds what was
    written at this moment, and is a data directory like any other.
    """
    from narthex_plugins.tsdb.inspect.snapshot import snapshot as copy

    with progress_bar() as tell:
        files = copy(data, target, tell)
    line(f"{target}: {files} files")
    return 0


@click.command("analyze")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Longest list to print.")
@click.option("--match", default="", help="A selector of series; all by default.")
@JSON
@DATA
def analyze(data: Path, *, limit: int, match: str, as_json: bool) -> int:
    """Show which labels make series and which metrics take space.

    Series and labels are those of the blocks and of the head together. Bytes of a metric are those of its values in
    blocks, without its share of times and index; its samples that are in no block yet stand beside.
    """
    from narthex.library.selectors import matchers_of
    from narthex_plugins.tsdb.inspect.analyze import analyze as count

    matchers = matchers_of(match) if match else ()
    with progress_bar() as tell:
        found = count(data, matchers, limit, tell)
    if as_json:
        print_json(asdict(found))
    else:
        _tell_analysis(found)
    return 0


def _tell_analysis(found: Analysis) -> None:
    if found.blocks:
        line(f"Blocks: {found.blocks}, {time_text(found.min_time)} to {time_text(found.max_time)}")
    if found.head_samples:
        head = f"{found.head_series} series, {found.head_samples} samples, {size_text(found.head_bytes)}"
        line(f"Head: {head}, {time_text(found.head_min_time)} to {time_text(found.head_max_time)}")
    per_sample = found.bytes / found.samples if found.samples else 0
    line(f"Series: {found.series}, samples in blocks: {found.samples}")
    line(f"Bytes of blocks: {size_text(found.bytes)}, {per_sample:.3f} for each sample, index included")
    _list("Label names with most values", found.label_names)
    _list("Label pairs with most series", found.label_pairs)
    _list("Metrics with most series", found.metrics)
    _list("Label pairs of most series that come and go", found.churn)
    heading("\nMetrics that take most space")
    rows = [("BYTES", "PER SAMPLE", "SAMPLES", "IN HEAD", "SERIES", "METRIC")]
    for one in found.sizes:
        each = f"{one.bytes / one.samples:.3f}" if one.samples else ""
        numbers = (str(one.bytes), each, str(one.samples), str(one.head_samples), str(one.series))
        rows.append((*numbers, one.metric))
    for text in _aligned(rows):
        line(text)


def _list(title: str, entries: Sequence[tuple[str, int]]) -> None:
    heading(f"\n{title}")
    for name, count in entries:
        line(f"{count} {name}")


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
