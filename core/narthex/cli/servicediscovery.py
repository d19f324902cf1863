"""``narthex check service-discovery``: what discovery and relabeling make of a job right now, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import click

from narthex.cli.flags import DURATION
from narthex.cli.loading import find_job, load, quiet
from narthex.cli.output import heading, line, print_json
from narthex.config.types import Duration

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.config.scrape import ScrapeConfig
    from narthex.discovery.once import Found
    from narthex.discovery.state import DiscovererStatus
    from narthex.explain.duplicates import Duplicate
    from narthex.model.labels import Labels
    from narthex.model.targetgroup import TargetGroup
    from narthex.targets import DroppedTarget, TargetSet

__all__ = ["service_discovery"]


@click.command("service-discovery")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.argument("job")
@click.option(
    "--timeout", type=DURATION, default=Duration(30_000), show_default=True, help="Longest time to wait for discovery."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def service_discovery(app: App, file: str, job: str, timeout: Duration, *, as_json: bool) -> int:
    """Discover and relabel the targets of one job.

    Ends as soon as every discovery block has answered once or failed. Prints targets, dropped ones with the rule that
    dropped them, and failed ones. Exit status 1 means that a block failed.
    """
    from narthex.clock import SystemClock
    from narthex.discovery.once import discover_once
    from narthex.explain.duplicates import find_duplicates
    from narthex.relabel.rules import compile_rules
    from narthex.targets import targets

    catalog = app.catalog()
    config = find_job(load(app, file, catalog), job)
    rules = compile_rules(
        config.relabel_configs, catalog, legacy_names=config.metric_name_validation_scheme == "legacy"
    )
    with quiet():
        found = asyncio.run(discover_once(catalog, {job: config.discovery}, SystemClock(), seconds=timeout.seconds))
    result = targets(config, found.groups[job], rules, trace=as_json)
    if as_json:
        print_json(_json(config, found, result))
    else:
        _print(config, found, result, find_duplicates(config, found.groups[job], rules) if result.duplicates else ())
    return 1 if found.failed else 0


def _print(config: ScrapeConfig, found: Found, result: TargetSet, duplicates: Sequence[Duplicate]) -> None:
    from narthex.explain.relabel import job_defaults

    usual = job_defaults(config).items()
    counts = f"{len(result.active)} targets, {len(result.dropped)} dropped, {len(result.failed)} failed"
    heading(f"Job {config.job_name}: {counts}")
    for target in result.active:
        line(f"  {target.url}  {target.public}")
    if duplicates:
        heading("Discovered twice")
    for one in duplicates:
        line(f"  {one.target.url}  of {one.second} equals the one of {one.first}", colour="yellow")
    if result.dropped:
        heading("Dropped")
    for dropped in result.dropped:
        line(f"  {_without(dropped.discovered, usual)}")
        line(f"    {_dropped_by(config, dropped)}")
    if result.failed:
        heading("Failed")
    for failed in result.failed:
        line(f"  {_without(failed.discovered, usual)}")
        line(f"    {failed}", colour="red")
    heading("Discovery")
    for status in found.discoverers:
        line(f"  {status.provider}: {_answer(status)}", colour="red" if _error(status) else None)
    if not found.discoverers:
        line("  the job has no discovery block")


def _without(discovered: Labels, usual: AbstractSet[tuple[str, str]]) -> Labels:
    """Discovered labels less what every target of the job has, which hides what matters."""
    from narthex.model.labels import Labels

    return Labels(discovered.items() - usual)


def _dropped_by(config: ScrapeConfig, dropped: DroppedTarget) -> str:
    from narthex.explain.relabel import rule_key, rule_text

    if dropped.rule is None:
        return "no label is left"
    return f"by {rule_key('target', dropped.rule)}: {rule_text(config.relabel_configs[dropped.rule])}"


def _answer(one: DiscovererStatus) -> str:
    from narthex.discovery.once import is_answered

    error = _error(one)
    if not is_answered(one):
        return f"failed: {error}"
    counts = f"{one.targets} targets in {one.groups} groups"
    return f"{counts}; {one.state.value}: {error}" if error else counts


def _error(one: DiscovererStatus) -> str:
    """Why a block has not answered, or what went wrong although it did; empty where all is well."""
    from narthex.discovery.once import is_answered
    from narthex.discovery.state import State

    if not is_answered(one):
        return one.last_error or "no answer in time"
    return "" if one.state in (State.OK, State.FINISHED) else one.last_error


def _json(config: ScrapeConfig, found: Found, result: TargetSet) -> dict[str, Any]:
    """Every discovered target with its origin, by what became of it; ``active`` holds each target once."""
    from narthex.model.target import Target
    from narthex.targets import DroppedTarget

    active: dict[Any, dict[str, Any]] = {}
    others: dict[str, list[dict[str, Any]]] = {"dropped": [], "failed": []}
    for trace in result.traces:
        fate = trace.result
        told = {
            "discoveredLabels": dict(trace.discovered),
            "provider": trace.provider,
            "source": trace.source,
            "index": trace.index,
        }
        if isinstance(fate, Target):
            active.setdefault(fate.key, {**told, "labels": dict(fate.public), "scrapeUrl": fate.url})
        elif isinstance(fate, DroppedTarget):
            others["dropped"].append({**told, "rule": fate.rule, "reason": _dropped_by(config, fate)})
        else:
            others["failed"].append({**told, "error": fate.error})
    return {
        "job": config.job_name,
        "active": list(active.values()),
        **others,
        "duplicates": result.duplicates,
        "discovery": [_discoverer_json(one) for one in found.discoverers],
        "groups": [group for one in found.groups[config.job_name] for group in _group_json(one.group)],
    }


def _discoverer_json(one: DiscovererStatus) -> dict[str, Any]:
    from narthex.discovery.once import is_answered

    return {
        "provider": one.provider,
        "kind": one.kind,
        "answered": is_answered(one),
        "error": _error(one),
        "groups": one.groups,
        "targets": one.targets,
    }


def _group_json(group: TargetGroup) -> Iterator[dict[str, Any]]:
    """A group in the format of target files; a target with labels of its own becomes a group of its own."""
    bare = [one["__address__"] for one in group.targets if len(one) == 1]
    if bare:
        yield {"targets": bare, "labels": dict(group.labels)}
    for one in group.targets:
        if len(one) != 1:
            own = {name: value for name, value in one.items() if name != "__address__"}
            yield {"targets": [one.get("__address__", "")], "labels": {**group.labels, **own}}
