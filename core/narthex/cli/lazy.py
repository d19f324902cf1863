"""Command groups that import a command when it is used, and say what was probably meant.

``narthex --help`` must not wait for numpy, so the help line of a lazy command stands in the table that names it; a
test compares it with the command's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

__all__ = ["Lazy", "LazyGroup"]

_WHOLE = 1000
"""More characters than a summary has: a long one is broken over lines and not cut."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """``target`` is ``module:attribute``; ``summary`` the line of the help page."""

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """A group that imports the commands of ``lazy`` on first use."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it has to be."""
        if cmd_name in self.lazy:
            return self.lazy[cmd_name].load()
        return super().get_command(ctx, cmd_name)

    def summaries(self, ctx: click.Context) -> Mapping[str, str]:  # noqa: ARG002 -- for groups that ask elsewhere
        """The help line of each command that need not be imported for it."""
        return {name: one.summary for name, one in self.lazy.items()}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a name that is nearly right."""
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or name in self.lazy:
            return super().resolve_command(ctx, args)
        known = self.list_commands(ctx)
        if name not in known:
            close = get_close_matches(name, known)
            hint = f" Did you mean {' or '.join(close)}?" if close else f" Commands: {', '.join(known)}."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing the lazy ones."""
        rows, summaries = [], self.summaries(ctx)
        for name in self.list_commands(ctx):
            if name in summaries:
                rows.append((name, summaries[name]))
            elif command := self.get_command(ctx, name):
                rows.append((name, command.get_short_help_str(_WHOLE)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
