"""``narthex check``: read files exactly as a server would, and tell everything that is wrong with them at once."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from narthex.cli.lazy import LazyGroup
from narthex.errors import ConfigError

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.config.sections import Config

__all__ = ["check"]

T = TypeVar("T")


@click.group("check", cls=LazyGroup)
def check() -> None:
    """Check files before a server reads them.

    Every problem is printed with file, line and column. Exit status 1 means that something was found.
    """


@check.command("config")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--syntax-only", is_flag=True, help="Leave the rule files alone.")
@click.option("--agent", is_flag=True, help="Check for agent mode, which has no rules and no alerting.")
@click.pass_obj
def config(app: App, files: tuple[str, ...], *, syntax_only: bool, agent: bool) -> int:
    """Check configuration files and the rule files they name."""
    from narthex.config.load import load_config

    catalog = app.catalog()
    good = True
    for file in files:
        click.echo(f"Checking {file}")
        loaded = _attempt(lambda file=file: load_config(file, catalog, env=app.environment, agent=agent))  # type: ignore[misc] # the default binds the loop's value
        if loaded is None:
            good = False
            continue
        rule_files, missing = ([], []) if syntax_only else _rule_files(loaded)
        for pattern in missing:
            _failed(f"{pattern!r} does not point to an existing file")
        if rule_files:
            click.echo(f"  SUCCESS: {len(rule_files)} rule files found")
        if not missing:
            click.echo(f" SUCCESS: {file} is valid prometheus config file syntax")
        click.echo()
        good = _check_rules(rule_files) and good and not missing
    return 0 if good else 1


@check.command("rules")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def rules(files: tuple[str, ...]) -> int:
    """Check rule files, or standard input where no file is named."""
    return 0 if _check_rules(files or ("-",)) else 1


def _check_rules(files: Iterable[str]) -> bool:
    """Check each file; whether all are good."""
    from narthex.cli.validators import rule_count

    good = True
    for file in files:
        click.echo(f"Checking {'standard input' if file == '-' else file}")
        count = _attempt(lambda file=file: rule_count(file, sys.stdin))  # type: ignore[misc] # as above
        if count is None:
            good = False
        else:
            click.echo(f"  SUCCESS: {count} rules found")
        click.echo()
    return good


def _attempt(load: Callable[[], T]) -> T | None:
    """What ``load`` returns, or None after its problems were printed."""
    try:
        return load()
    except ConfigError as error:
        for problem in error.problems:
            _failed(str(problem))
        return None


def _failed(reason: str) -> None:
    click.echo(f"  FAILED: {reason}", err=True)


def _rule_files(config: Config) -> tuple[list[str], list[str]]:
    """Existing rule files, and the names without wildcards that do not exist.

    A server takes a missing file for an empty one (it may come later); whoever checks wants to hear of it.
    """
    found: dict[str, None] = {}  # an ordered set: two patterns may match one file
    missing = []
    for pattern in config.rule_files:
        if glob.has_magic(pattern):
            found.update(dict.fromkeys(sorted(glob.glob(pattern))))  # noqa: PTH207 - patterns may be absolute
        elif Path(pattern).is_file():
            found[pattern] = None
        else:
            missing.append(pattern)
    return list(found), missing
