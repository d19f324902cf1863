"""The top group: the core's commands, imported when used, and those that plugins contribute.

Plugins are loaded when a name is none of the core's, and for the list of ``narthex --help``; a command of the core
starts without them. A plugin that fails costs its own commands only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from narthex.cli.lazy import LazyGroup
from narthex.errors import NarthexError, PluginError

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.kinds import Command
    from narthex.plugins.catalog import Contribution

__all__ = ["RootGroup"]


class RootGroup(LazyGroup):
    """Looks a name up among the core's commands first, then among the plugins'."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *_contributed(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now. Raises ``PluginError`` when a plugin's cannot be built."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        contribution = _contributed(ctx).get(cmd_name)
        return None if contribution is None else _built(contribution)

    def summaries(self, ctx: click.Context) -> Mapping[str, str]:
        """The help line of each command that need not be imported for it."""
        return {**{name: one.kind.summary for name, one in _contributed(ctx).items()}, **super().summaries(ctx)}


def _contributed(ctx: click.Context) -> Mapping[str, Contribution[Command]]:
    app: App | None = ctx.obj
    if app is None or ctx.resilient_parsing:  # nobody said which plugins there are
        return {}
    known: Mapping[str, Contribution[Command]] | None = ctx.meta.get(__name__)
    if known is None:
        known = ctx.meta[__name__] = _loaded(app)
    return known


def _loaded(app: App) -> Mapping[str, Contribution[Command]]:
    try:
        return app.catalog().commands
    except PluginError as error:  # two plugins in conflict must not take the help page along
        click.echo(f"Warning: {error}", err=True)
        return {}


def _built(contribution: Contribution[Command]) -> click.Command:
    name, origin = contribution.kind.name, contribution.origin
    try:
        command = contribution.kind.build()
    except NarthexError:
        raise
    except Exception as error:
        raise PluginError(f"command {name} of plugin {origin} cannot be built: {error!r}") from error
    if not isinstance(command, click.Command):
        raise PluginError(f"command {name} of plugin {origin} is a {type(command).__name__}, not a click command")
    return command
