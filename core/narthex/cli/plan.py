"""``narthex plan``: what a new configuration would change, before it is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from narthex.cli.flags import DURATION
from narthex.cli.loading import quiet
from narthex.cli.output import diff_line, heading, line, print_json
from narthex.cli.progress import progress_bar
from narthex.config.types import Duration
from narthex.errors import ConfigError, NarthexError, UsageError

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.cli.planning import Sides
    from narthex.discovery.state import DiscovererStatus
    from narthex.explain.plan import JobPlan, Plan
    from narthex.explain.settings import SettingChange
    from narthex.explain.targetplan import TargetChange

__all__ = ["plan"]

_SIGNS = {"added": "+", "removed": "-", "relabelled": "~", "changed": "~"}
_CHANGES = 2
"""Exit status for a plan with changes; 1 is for errors."""


class _WrongUsage(click.UsageError):
    """Has the exit status of an error, for that of other commands means changes here."""

    exit_code = 1


class _Plan(click.Command):
    """Tells wrong usage apart from a plan with changes."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click does."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _WrongUsage(error.format_message(), error.ctx) from None


@click.command("plan", cls=_Plan)
@click.argument("new", type=click.Path(exists=True, dir_okay=False))
@click.option("--against", default="", help="Address of the running server to compare with.")
@click.option(
    "--config.file", "old", type=click.Path(exists=True, dir_okay=False), help="Configuration file to compare with."
)
@click.option(
    "--timeout", type=DURATION, default=Duration(30_000), show_default=True, help="Longest time to wait for discovery."
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Targets to print for each job; 0: all."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all targets.")
@click.pass_obj
def plan(app: App, new: str, against: str, old: str | None, timeout: Duration, limit: int, *, as_json: bool) -> int:
    """Show what the configuration NEW would change: targets, series, rules and settings.

    Discovery is run and relabeled as a server would do it. Compared with a running server, a job whose discovery is the
    same in both is given the targets that the server has discovered. File names in a configuration start at its own
    directory, those of a running server at the server's. Secrets are not shown.

    Exit status: 0 nothing changes, 2 something does, 1 for errors, wrong usage among them.
    """
    try:
        if bool(against) == (old is not None):
            raise UsageError("give either --against or --config.file")
        sides, found = _compare(app, new, against, old, timeout.seconds)
    except NarthexError as error:
        for problem in error.problems if isinstance(error, ConfigError) else (error,):
            line(f"Error: {problem}", err=True)
        return 1
    if as_json:
        print_json({**found.as_json(), "notes": list(sides.notes), "errors": [_failure(one) for one in sides.failed]})
    else:
        _print(sides, found, limit or None)
    if sides.failed:
        return 1
    return _CHANGES if found else 0


def _compare(app: App, new: str, against: str, old: str | None, seconds: float) -> tuple[Sides, Plan]:
    from narthex.cli.apiclient import Server
    from narthex.cli.planning import ask_instance, compare_files, compare_instance
    from narthex.explain.plan import make_plan

    catalog = app.catalog()
    with quiet(), progress_bar() as tell:
        if old is not None:
            sides = compare_files(app, catalog, old, new, seconds, tell)
        else:
            instance = ask_instance(Server.at(against, {}, seconds), catalog)
            sides = compare_instance(app, catalog, instance, new, seconds, tell)
        tell("Comparing", 0, 1)
        return sides, make_plan(sides.old, sides.new, secrets=old is not None)


def _print(sides: Sides, found: Plan, limit: int | None) -> None:
    for job in found.jobs:
        _print_job(job, limit)
    if found.rules:
        heading("Rules")
    for rule in found.rules:
        line(f"  {_SIGNS[rule.state]} group {rule.group}{f': {rule.rule}' if rule.rule else ''}")
        _diff(rule.lines)
    if found.settings:
        heading("Settings")
        _print_settings(found.settings)
    for note in sides.notes:
        line(f"Note: {note}")
    for failed in sides.failed:
        line(f"Error: {_failure(failed)}", err=True, colour="red")
    line(_summary(found))


def _print_job(job: JobPlan, limit: int | None) -> None:
    counts = ", ".join(
        f"{job.count(state)} {state}" for state in ("added", "removed", "relabelled", "changed") if job.count(state)
    )
    what = f" is {job.state}" if job.state != "changed" else ""
    heading(f"Job {job.job}{what}: {counts or 'targets stay as they are'}, {job.unchanged} unchanged")
    _print_settings(job.settings)
    for change in job.targets[:limit]:
        _print_target(change)
    if limit is not None and len(job.targets) > limit:
        line(f"  … and {len(job.targets) - limit} more (--limit=0 prints all)")
    if job.ending:
        line(f"  {job.ending} series end, and go on under other labels if at all")
    if job.unsure:
        line(f"  series of {job.unsure} targets may get other labels: the settings above decide over these")


def _print_target(change: TargetChange) -> None:
    target = change.before or change.after
    assert target is not None  # a change is of something
    reason = f"  ({change.reason})" if change.reason else ""
    diff_line(f"{_SIGNS[change.state]} {target.url}  {target.public}{reason}")
    _diff(change.lines())


def _print_settings(settings: Sequence[SettingChange]) -> None:
    for one in settings:
        line(f"  {one.path}")
        _diff(one.lines())


def _diff(lines: Iterable[str]) -> None:
    for one in lines:
        diff_line(one, indent="      ")


def _summary(found: Plan) -> str:
    if not found:
        return "No changes."
    total: dict[str, Any] = {
        f"targets {state}": sum(job.count(state) for job in found.jobs)
        for state in ("added", "removed", "relabelled", "changed")
    }
    total["rules changed"] = len(found.rules)
    total["settings changed"] = len(found.settings) + sum(len(job.settings) for job in found.jobs)
    total["series ending"] = sum(job.ending for job in found.jobs)
    return "Plan: " + ", ".join(f"{count} {what}" for what, count in total.items() if count) + "."


def _failure(one: DiscovererStatus) -> str:
    return f"discovery {one.kind} failed: {one.last_error or 'no answer in time'}"
