"""``narthex test pipeline``: the unit tests of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from narthex.cli.loading import quiet
from narthex.cli.output import diff_line, line
from narthex.errors import ConfigError

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.plugins.catalog import Catalog
    from narthex.testing.pipeline.runner import Outcome

__all__ = ["pipeline"]


@click.command("pipeline")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--verbose", is_flag=True, help="Name the tests that pass, too.")
@click.pass_obj
def pipeline(app: App, files: tuple[str, ...], *, verbose: bool) -> int:
    """Test discovery, relabeling, scrapes and rules of a configuration.

    Each test feeds target groups to a job and states the targets, the dropped and the failed ones; and, with texts that
    the targets answer, the samples that metric relabeling leaves, what queries answer, and the alerts. A failure is
    shown with its line and a diff: - expected, + found.
    """
    catalog = app.catalog()
    passed = failed = 0
    with quiet():
        for file in files:
            for outcome in _outcomes(app, file, catalog):
                if outcome is not None and not outcome.failures:
                    passed += 1
                    if verbose:
                        line(f"{file}: {outcome.name}: passed")
                else:
                    failed += 1
                if outcome is not None:
                    _print(outcome)
    click.echo(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _outcomes(app: App, file: str, catalog: Catalog) -> Iterator[Outcome | None]:
    """The outcomes of a file; None, after its problems were printed, for one that cannot be read."""
    from narthex.testing.pipeline.runner import run_tests

    try:
        yield from run_tests(file, catalog, app.environment)
    except ConfigError as error:
        for problem in error.problems:
            line(str(problem))
        yield None


def _print(outcome: Outcome) -> None:
    for failure in outcome.failures:
        line(f"{outcome.file}:{failure.line}: {outcome.name}: {failure.message}")
        for one in failure.diff:
            diff_line(one, indent="    ")
