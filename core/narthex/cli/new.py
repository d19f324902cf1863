"""``narthex new``: begin something of one's own, with files that work at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from narthex.errors import PluginConflictError
from narthex.scaffold.stages import STAGES

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.scaffold.names import PluginNames

__all__ = ["new"]


@click.group("new")
def new() -> None:
    """Begin something of your own."""


@new.command("plugin")
@click.argument("name")
@click.option(
    "--kind",
    "stage",
    required=True,
    type=click.Choice(list(STAGES)),
    help=f"What it is to do: {'; '.join(f'{one.name}: {one.summary}' for one in STAGES.values())}.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="The new directory; by default narthex-NAME in the current one.",
)
@click.pass_obj
def plugin(app: App, name: str, *, stage: str, directory: Path | None) -> int:
    """Write a plugin that works: package, types, tests, README, CI.

    NAME is what users will configure, such as rack-units: the package is narthex-rack-units, the kind rack_units. An
    existing directory is left alone.
    """
    from narthex.scaffold.names import plugin_names
    from narthex.scaffold.project import project_files, write_project

    names = plugin_names(name)
    _refuse_taken(app, names, stage)
    directory = directory or Path(names.distribution)
    project = project_files(names, STAGES[stage])
    write_project(project, directory)
    for one in project:
        click.echo(f"  {directory / one.path}")
    click.echo(f"Begun {names.distribution}, a plugin that {_does(stage)}. Next:")
    click.echo(f"  cd {directory} && pip install -e '.[dev]' && .ci/run")
    click.echo(f"  {STAGES[stage].next}")
    return 0


def _refuse_taken(app: App, names: PluginNames, stage: str) -> None:
    """Raise ``PluginConflictError`` for a name that an installed plugin of the stage has."""
    catalog = app.host().catalog()
    tables = {"discovery": catalog.discovery, "relabel": catalog.relabel, "receiver": catalog.receivers}
    tables |= {"storage": catalog.storage, "scrape": catalog.scrape}
    taken = tables.get(stage, {}).get(names.plugin if stage == "scrape" else names.kind)
    if taken is not None:
        raise PluginConflictError(
            f"{stage} kind {names.kind!r} is contributed by plugin {taken.origin} already; choose another name"
        )


def _does(stage: str) -> str:
    summary = STAGES[stage].summary
    return f"has {summary}" if summary.startswith("functions") else summary
