"""``narthex plugins``: what is installed, what each plugin contributes, what a kind lacks, and what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from narthex.cli.lazy import Lazy, LazyGroup
from narthex.plugins.catalog import STAGES
from narthex.plugins.extras import missing

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.plugins.catalog import Contribution
    from narthex.plugins.host import PluginHost

__all__ = ["plugins"]


@dataclass(frozen=True, slots=True)
class Row:
    """One contribution, as it is printed."""

    plugin: str
    distribution: str
    version: str
    stage: str
    name: str
    stability: str
    missing: str
    summary: str


_COMMANDS = {
    "conform": Lazy("narthex.cli.conform:conform", "Try the rules of the contracts on an installed distribution."),
}


@click.group("plugins", cls=LazyGroup, lazy=_COMMANDS, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def plugins(context: click.Context, *, as_json: bool) -> int:
    """List plugins, what they contribute, and what is wrong with them.

    Exit status 1 means that a plugin failed, or that two contribute the same name.
    """
    return 0 if context.invoked_subcommand else _list(context.obj, as_json=as_json)


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_command(app: App, *, as_json: bool) -> int:
    """List plugins, as the command does without a name."""
    return _list(app, as_json=as_json)


def _list(app: App, *, as_json: bool) -> int:
    host = app.host()
    click.echo(_json(host) if as_json else "\n".join(_table(host)))
    wrong = [*map(str, host.failures()), *host.conflicts()]
    for line in wrong:
        click.echo(f"Error: {line}", err=True)
    return 1 if wrong else 0


def _rows(host: PluginHost) -> list[Row]:
    """Every contribution, in the order of the plugins."""
    found = [(stage, one) for stage, kind in STAGES.items() for one in host.contributions(kind)]
    order = {origin: place for place, origin in enumerate(host.plugins())}
    return [_row(stage, one) for stage, one in sorted(found, key=lambda pair: order[pair[1].origin])]


def _row(stage: str, contribution: Contribution[Any]) -> Row:
    kind, origin = contribution.kind, contribution.origin
    lack = missing(contribution) if hasattr(kind, "requires") else ""
    stability = getattr(kind, "stability", "")
    return Row(
        origin.plugin, origin.distribution, origin.version, stage, contribution.name, stability, lack, kind.summary
    )


def _json(host: PluginHost) -> str:
    document = {
        "plugins": [asdict(origin) for origin in host.plugins()],
        "contributions": [asdict(row) for row in _rows(host)],
        "failures": [
            {**asdict(failure.origin), "hook": failure.hook, "what": failure.what} for failure in host.failures()
        ],
        "conflicts": list(host.conflicts()),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _table(host: PluginHost) -> Iterator[str]:
    """Columns as wide as their widest cell; no trailing blanks, so that lines can be compared."""
    lines = [("PLUGIN", "DISTRIBUTION", "STAGE", "NAME", "STABILITY", "NOTE")]
    for row in _rows(host):
        distribution = f"{row.distribution} {row.version}"
        lines.append((row.plugin, distribution, row.stage, row.name, row.stability, row.missing or row.summary))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
