"""Both sides of a plan: configurations from files or from a running instance, with the targets discovered for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from narthex.cli.loading import load
from narthex.clock import SystemClock
from narthex.config.load import parse_config, rule_paths
from narthex.discovery.once import discover_once
from narthex.errors import QueryError
from narthex.explain.instance import discovered_groups, incomplete_jobs, same_discovery, series_counts
from narthex.explain.plan import Side
from narthex.explain.ruleplan import GroupSpec, group_specs, group_specs_of_api
from narthex.gotemplate.contributed import plugin_functions
from narthex.promql.contributed import with_plugins
from narthex.relabel.rules import compile_rules
from narthex.rules.files import read_rule_files
from narthex.rules.options import RuleOptions
from narthex.targets import TargetSet, targets

if TYPE_CHECKING:
    from narthex.cli.apiclient import Server
    from narthex.cli.app import App
    from narthex.cli.progress import Tell
    from narthex.config.scrape import DiscoveryConfig, ScrapeConfig
    from narthex.config.sections import Config
    from narthex.discovery.state import DiscovererStatus
    from narthex.model.labels import Labels
    from narthex.model.targetgroup import SourcedGroup
    from narthex.plugins.catalog import Catalog

__all__ = ["Instance", "Sides", "ask_instance", "compare_files", "compare_instance"]

_SERIES = "scrape_samples_post_metric_relabeling"
Groups = Mapping[str, "Sequence[SourcedGroup]"]


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides, blocks that gave no answer, and what the reader should know."""

    old: Side
    new: Side
    failed: Sequence[DiscovererStatus] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """What a running instance answers. ``targets`` is the data of ``/api/v1/targets``."""

    config: Config
    targets: Mapping[str, Any]
    rules: Sequence[GroupSpec]
    series: Mapping[Labels, int] = field(default_factory=dict)


def compare_files(app: App, catalog: Catalog, old: str, new: str, seconds: float, tell: Tell) -> Sides:
    """Two files; blocks that both have are asked once, so that nothing differs but the configuration."""
    before, after = _load(app, old, catalog), _load(app, new, catalog)
    wanted = {(side, job.job_name): job.discovery for side, config in enumerate((before, after))
              for job in config.scrape_configs}  # fmt: skip
    groups, failed = _discover(catalog, wanted, seconds, tell)
    return Sides(
        _side(before, _of_side(groups, 0), catalog, tell),
        _side(after, _of_side(groups, 1), catalog, tell),
        failed,
    )


def compare_instance(app: App, catalog: Catalog, instance: Instance, new: str, seconds: float, tell: Tell) -> Sides:
    """A running instance and a file. Where a job discovers alike in both, the instance's targets are taken for both."""
    after = _load(app, new, catalog)
    running = {job.job_name: job for job in instance.config.scrape_configs}
    found = discovered_groups(instance.targets, instance.config.scrape_configs)
    partial = incomplete_jobs(instance.targets)
    alike = {
        job.job_name
        for job in after.scrape_configs
        if job.job_name in running and same_discovery(running[job.job_name], job)
    }
    notes = [
        f"job {name}: the instance does not tell all targets that it dropped, so discovery was run"
        for name in sorted(alike & partial)
    ]
    wanted = {(1, job.job_name): job.discovery for job in after.scrape_configs if job.job_name not in alike - partial}
    groups, failed = _discover(catalog, wanted, seconds, tell)
    fresh = {**{name: found[name] for name in alike - partial}, **_of_side(groups, 1)}
    old = Side(instance.config, _targets(instance.config, found, catalog, tell), instance.rules, instance.series)
    return Sides(old, _side(after, fresh, catalog, tell), failed, notes)


def ask_instance(server: Server, catalog: Catalog) -> Instance:
    """Ask Narthex or Prometheus for its configuration, targets and rules. Raises ``QueryError``, ``ConfigError``."""
    text = server.get("status/config", ()).data["yaml"]
    directory = server.get("status/runtimeinfo", ()).data.get("CWD", "")
    # Relative file names in the answer start at the instance's working directory.
    config = parse_config(text, os.path.join(directory, "the running configuration"), catalog, env={})  # noqa: PTH118
    targets = server.get("targets", [("state", "any")]).data
    rules = group_specs_of_api(server.get("rules", [("exclude_alerts", "true")]).data["groups"])
    try:
        series = series_counts(server.post("query", [("query", _SERIES)]).data["result"])
    except QueryError:
        series = {}  # an instance that cannot be queried still tells everything else
    return Instance(config, targets, rules, series)


def _load(app: App, file: str, catalog: Catalog) -> Config:
    """A file, with absolute names of the files in it, as they have to be for comparing."""
    return load(app, os.path.abspath(file), catalog)  # noqa: PTH100 -- text in, text out; links are kept


def _side(config: Config, groups: Groups, catalog: Catalog, tell: Tell) -> Side:
    options = RuleOptions(evaluation_interval=int(config.global_.evaluation_interval))
    files = read_rule_files(rule_paths(config), with_plugins(catalog), plugin_functions(catalog))
    rules = group_specs(files, options)
    return Side(config, _targets(config, groups, catalog, tell), rules)


def _targets(config: Config, groups: Groups, catalog: Catalog, tell: Tell) -> dict[str, TargetSet]:
    found: dict[str, TargetSet] = {}
    for number, job in enumerate(config.scrape_configs):
        tell("Relabeling", number, len(config.scrape_configs))
        found[job.job_name] = targets(job, groups.get(job.job_name, ()), _rules(job, catalog))
    return found


def _rules(job: ScrapeConfig, catalog: Catalog) -> Any:
    return compile_rules(job.relabel_configs, catalog, legacy_names=job.metric_name_validation_scheme == "legacy")


def _discover(
    catalog: Catalog,
    wanted: Mapping[tuple[int, str], Sequence[DiscoveryConfig]],
    seconds: float,
    tell: Tell,
) -> tuple[Mapping[tuple[int, str], Sequence[SourcedGroup]], Sequence[DiscovererStatus]]:
    """Groups by side and job."""
    names = {f"{side} {job}": (side, job) for side, job in wanted}
    found = asyncio.run(
        discover_once(
            catalog,
            {name: wanted[key] for name, key in names.items()},
            SystemClock(),
            seconds=seconds,
            progress=lambda done, total: tell("Discovering", done, total),
        )
    )
    return {key: found.groups[name] for name, key in names.items()}, found.failed


def _of_side(groups: Mapping[tuple[int, str], Sequence[SourcedGroup]], wanted: int) -> Groups:
    return {job: value for (side, job), value in groups.items() if side == wanted}
