"""``narthex tsdb create-blocks-from rules``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from narthex.cli.flags import DURATION
from narthex.cli.output import line
from narthex.cli.progress import progress_bar
from narthex.config.types import Duration
from narthex.errors import ParseError, UsageError
from narthex_plugins.tsdb.cli.options import TIME, milliseconds
from narthex_plugins.tsdb.transfer.backfill import Backfill, RuleToFill, Stretch
from narthex_plugins.tsdb.transfer.intake import Intake

__all__ = ["from_rules"]

_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_THREE_HOURS = 10_800


@click.command("rules")
@click.option("--start", type=TIME, required=True, help="First evaluation.")
@click.option("--end", type=TIME, help="Last evaluation; three hours ago by default.")
@click.option("--data", type=_DIRECTORY, default="data", show_default=True, help="The data directory that is read.")
@click.option("--output-dir", type=_DIRECTORY, help="The data directory that gets the results; the same by default.")
@click.option(
    "--eval-interval",
    type=DURATION,
    default=Duration(60_000),
    show_default=True,
    help="Time from evaluation to evaluation.",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
def from_rules(
    start: float, end: float | None, data: Path, output_dir: Path | None, eval_interval: Duration,
    files: tuple[str, ...],
) -> int:  # fmt: skip
    """Evaluate recording rules over stored samples and write the results.

    Rules are evaluated in the order of the files; one that reads what another records finds it. Alerting rules are
    passed over. No server may be running on the directory that gets the results. Samples that a recording rule has
    left there already stay beside those that are written now.
    """
    low = milliseconds(start, 0)
    high = milliseconds(time.time() - _THREE_HOURS if end is None else end, 0)
    if high < low:
        raise UsageError("--end is before --start")
    rules, alerts = _rules(files)
    with progress_bar() as tell, Intake(output_dir or data) as intake:
        run = Backfill(intake, data, Stretch(low, high, int(eval_interval)), tell)
        blocks = run.run(rules)
    if alerts:
        line(f"{alerts} alerting rules passed over", err=True)
    line(f"{len(rules)} rules: {run.samples} samples of {run.series} series, {blocks} blocks")
    return 0


def _rules(files: tuple[str, ...]) -> tuple[list[RuleToFill], int]:
    """The recording rules in order, and how many alerting rules there are. Raises ``ConfigError``."""
    from narthex.config.rules import load_rule_file

    found: list[RuleToFill] = []
    alerts = 0
    for file in files:
        for group in load_rule_file(file, check_expr=_wrong).groups:
            for rule in group.rules:
                if rule.record:
                    labels = {str(name): text for name, text in {**group.labels, **rule.labels}.items()}
                    found.append(RuleToFill(rule.record, rule.expr, labels, int(group.limit)))
                else:
                    alerts += 1
    return found, alerts


def _wrong(expression: str) -> str | None:
    from narthex.promql.parser import ALL_OPTIONS, parse

    try:
        parse(expression, options=ALL_OPTIONS)
    except ParseError as error:
        return str(error)
    return None
