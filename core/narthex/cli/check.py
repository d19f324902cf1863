"""``narthex check``: read files exactly as a server would, and tell everything that is wrong with them at once."""

from __future__ import annotations

import contextlib
import glob
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from narthex.cli.lazy import Lazy, LazyGroup
from narthex.errors import ConfigError

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.config.rulefile import RuleFile
    from narthex.config.sections import Config
    from narthex.plugins.catalog import Catalog

__all__ = ["check"]

T = TypeVar("T")


_COMMANDS = {
    "metrics": Lazy("narthex.cli.checkmetrics:metrics", "Check metrics in the text format, read from standard input."),
    "service-discovery": Lazy(
        "narthex.cli.servicediscovery:service_discovery", "Discover and relabel the targets of one job."
    ),
}


@click.group("check", cls=LazyGroup, lazy=_COMMANDS)
def check() -> None:
    """Check files before a server reads them.

    Every problem is printed with file, line and column. Exit status 1 means that something was found.
    """


@check.command("config")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--syntax-only", is_flag=True, help="Leave all other files alone.")
@click.option("--agent", is_flag=True, help="Check for agent mode, which has no rules and no alerting.")
@click.pass_obj
def config(app: App, files: tuple[str, ...], *, syntax_only: bool, agent: bool) -> int:
    """Check configuration files and what they name: rule files, target files, credentials, static targets."""
    from narthex.config.load import load_config

    catalog = app.catalog()
    good = True
    for file in files:
        click.echo(f"Checking {file}")
        load = partial(load_config, file, catalog, env=app.environment, agent=agent)
        loaded = _attempt(load)
        if loaded is None:
            _tell_quarantine(load)
            good = False
            continue
        for warning in loaded.warnings:
            click.echo(f"  WARNING: {warning}", err=True)
        good = _check_rule_files(file, loaded, catalog, syntax_only=syntax_only) and good
    return 0 if good else 1


@check.command("rules")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.pass_obj
def rules(app: App, files: tuple[str, ...]) -> int:
    """Check rule files, or standard input where no file is named."""
    return 0 if _check_rules(files or ("-",), app.catalog()) else 1


def _check_rule_files(file: str, config: Config, catalog: Catalog, *, syntax_only: bool) -> bool:
    """Say that the configuration itself is good, and check the files and targets it names; whether all are good."""
    from narthex.config.load import rule_paths

    paths = () if syntax_only else rule_paths(config)
    missing = () if syntax_only else _missing(config)
    for pattern in missing:
        _failed(f"{file}: rule_files: {pattern!r} does not point to an existing file")
    good = (syntax_only or _check_named(file, config, catalog)) and not missing
    if paths:
        click.echo(f"  SUCCESS: {len(paths)} rule files found")
    if good:
        click.echo(f" SUCCESS: {file} is valid prometheus config file syntax")
    click.echo()
    return _check_rules(map(str, paths), catalog) and good


def _check_named(file: str, config: Config, catalog: Catalog) -> bool:
    """Check what a server would only meet later; whether nothing fails."""
    from narthex.cli.checknamed import findings

    good = True
    for one in findings(config, catalog):
        good = good and not one.fatal
        if one.fatal:
            _failed(f"{file}: {one.text}")
        else:
            click.echo(f"  WARNING: {file}: {one.text}", err=True)
    return good


def _missing(config: Config) -> tuple[str, ...]:
    """Rule files that are named without wildcards and do not exist.

    A server takes such a file for an empty one (it may come later); whoever checks wants to hear of it.
    """
    return tuple(name for name in config.rule_files if not glob.has_magic(name) and not Path(name).exists())


def _check_rules(files: Iterable[str], catalog: Catalog) -> bool:
    """Check each file; whether all are good."""
    good = True
    for file in files:
        click.echo(f"Checking {'standard input' if file == '-' else file}")
        found = _attempt(partial(_read_rules, file, catalog))
        if found is None:
            good = False
        else:
            for warning in found.warnings:
                click.echo(f"  WARNING: {warning}", err=True)
            click.echo(f"  SUCCESS: {sum(len(group.rules) for group in found.groups)} rules found")
        click.echo()
    return good


def _read_rules(file: str, catalog: Catalog) -> RuleFile:
    """A rule file, its expressions and templates checked; ``-`` is standard input."""
    from narthex.config.load import read_file
    from narthex.gotemplate.contributed import plugin_functions
    from narthex.promql.contributed import with_plugins
    from narthex.rules.files import read_rule_text

    text = sys.stdin.buffer.read() if file == "-" else read_file(file)
    name = "standard input" if file == "-" else file
    return read_rule_text(text, name, with_plugins(catalog), plugin_functions(catalog))


def _attempt(load: Callable[[], T]) -> T | None:
    """What ``load`` returns, or None after its problems were printed."""
    try:
        return load()
    except ConfigError as error:
        for problem in error.problems:
            _failed(str(problem))
        return None


def _tell_quarantine(load: Callable[..., Config]) -> None:
    """Say what a server would make of a bad file that asks for quarantine; it is a bad file all the same."""
    with contextlib.suppress(ConfigError):
        for one in load(quarantine=True).quarantined:
            click.echo(f"  QUARANTINE: a server would leave job {one.job!r} as it runs, and apply the rest", err=True)


def _failed(reason: str) -> None:
    click.echo(f"  FAILED: {reason}", err=True)
