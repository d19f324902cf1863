"""``narthex plugins conform``: whether an installed distribution keeps the contracts of its kinds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from narthex.cli.flags import DURATION

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.config.types import Duration

__all__ = ["conform"]


@click.command("conform")
@click.argument("distribution")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all", "every", is_flag=True, help="Print the rules that are kept as well.")
@click.option("--timeout", type=DURATION, default="3m", show_default=True, help="How long a rule may take.")
@click.pass_obj
def conform(app: App, distribution: str, *, as_json: bool, every: bool, timeout: Duration) -> int:
    """Try the rules of the contracts on an installed distribution.

    The plugin is loaded and run in a process of its own, without a network beyond loopback. Exit status 0: no rule is
    broken. 1: one is. 2: wrong usage; no such distribution is installed.
    """
    from narthex.cli.progress import progress_bar
    from narthex.testing.conform.parent import examine

    with progress_bar() as tell:
        report = examine(
            distribution,
            _target(app),
            seconds=timeout.seconds,
            progress=lambda done, total: tell(f"Examining {distribution}", done, total),
        )
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(report.lines(every=every)))
    return 0 if report.conforms else 1


def _target(app: App) -> str:
    """Where another process finds what ships; empty where it cannot."""
    name = app.shipped.__qualname__
    return "" if "<" in name else f"{app.shipped.__module__}:{name}"
