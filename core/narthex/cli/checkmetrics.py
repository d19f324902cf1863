"""``narthex check metrics``: does an exporter write what the text format allows, and what is good style."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from narthex.scrape.strict import Family

__all__ = ["metrics", "style"]

_STYLE = 3
"""Exit status where the text is right but its style is not, as promtool's."""


@click.command("metrics")
@click.option("--extended", is_flag=True, help="Print the number of series of each family, the most first.")
@click.option("--lint/--no-lint", default=True, help="Look for what is allowed but no good style.", show_default=True)
def metrics(*, extended: bool, lint: bool) -> int:
    """Check metrics in the Prometheus text format, read from standard input, such as a target's answer from curl."""
    from narthex.scrape.strict import StrictError, read_families

    try:
        families = read_families(sys.stdin.buffer.read())
    except StrictError as error:
        click.echo(f"error while linting: {error}", err=True)
        return 1
    found = [text for family in families for text in style(family)] if lint else []
    for text in found:
        click.echo(text, err=True)
    if extended:
        _print_sizes(families)
    return _STYLE if found else 0


def style(family: Family) -> Iterator[str]:
    """What is no good style about a family (Prometheus's page "Metric and label naming")."""
    name = family.name
    if not family.help:
        yield f"{name} no help text"
    if family.type == "counter" and not name.endswith("_total"):
        yield f'{name} counter metrics should have "_total" suffix'
    if family.type not in {"counter", "untyped"} and name.endswith("_total"):
        yield f'{name} non-counter metrics should not have "_total" suffix'
    if family.own_label != "le" and name.endswith("_bucket"):
        yield f'{name} non-histogram metrics should not have "_bucket" suffix'
    if family.own_label is None and name.endswith(("_count", "_sum")):
        suffix = name[name.rindex("_") :]
        yield f'{name} non-histogram and non-summary metrics should not have "{suffix}" suffix'
    if family.type is not None and family.type in name.split("_"):
        yield f"{name} metric name should not include type '{family.type}'"
    if any("le" in metric.labels for metric in family.metrics):
        yield f'{name} non-histogram metrics should not have "le" label'


def _print_sizes(families: list[Family]) -> None:
    sizes = sorted(((_series(family), family.name) for family in families), reverse=True)
    total = sum(size for size, _ in sizes)
    for size, name in sizes:
        click.echo(f"{name}\t{size}\t{size / total:.2%}")
    click.echo(f"total\t{total}\t100.00%")


def _series(family: Family) -> int:
    """Series of the family: of a summary or histogram its parts, too."""
    parts = 0 if family.own_label is None else 2
    return sum(max(1, len(metric.points) + parts) for metric in family.metrics)
