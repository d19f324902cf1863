"""Everything that can fail about a configuration, done before anything changes.

A reload that half succeeds is worse than one that fails, so reading, checking and compiling come first and give a plan;
carrying a plan out has no reason left to fail.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from narthex.config.load import load_config, rule_paths
from narthex.config.rulefile import RuleFile
from narthex.config.sections import Config
from narthex.gotemplate.contributed import plugin_functions
from narthex.model.labels import Labels
from narthex.notify.block import Block
from narthex.options import ServerOptions
from narthex.plugins.catalog import Catalog
from narthex.promql.contributed import with_plugins
from narthex.relabel.rules import Rules, compile_rules
from narthex.rules.files import read_rule_files
from narthex.rules.options import RuleOptions
from narthex.server.features import read_features
from narthex.server.jobs import Job
from narthex.server.quarantine import JobInQuarantine, compile_jobs, with_previous

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration, ready to be put in force."""

    config: Config
    jobs: tuple[Job, ...]
    rule_files: Mapping[str, RuleFile]
    rule_options: RuleOptions
    alert_rules: Rules
    blocks: tuple[Block, ...]
    quarantined: tuple[JobInQuarantine, ...] = ()

    @property
    def external_labels(self) -> Labels:
        """Labels added to every alert that leaves."""
        return self.rule_options.external_labels

    @property
    def warnings(self) -> tuple[str, ...]:
        """For the log, a line each."""
        return (*self.config.warnings, *(line for file in self.rule_files.values() for line in file.warnings))


def make_plan(options: ServerOptions, catalog: Catalog, external_url: str, running: Plan | None = None) -> Plan:
    """Read the configuration file and all that it names. ``running`` has the jobs that go on if they are quarantined.

    Raises ``ConfigError`` with every problem, ``PluginError`` when a plugin's relabel action cannot be compiled.
    """
    config = load_config(options.config_file, catalog, env=os.environ, quarantine=True)
    compiled, refused = compile_jobs(config, catalog)
    jobs, quarantined = with_previous(compiled, refused, running.jobs if running else ())
    return Plan(
        config=replace(config, scrape_configs=tuple(job.config for job in jobs)),
        jobs=jobs,
        quarantined=quarantined,
        rule_files=read_rule_files(
            rule_paths(config),
            with_plugins(catalog, read_features(options.enable_feature).parser),
            plugin_functions(catalog),
        ),
        rule_options=rule_options(config, options, external_url),
        alert_rules=compile_rules(config.alerting.alert_relabel_configs, catalog),
        blocks=tuple(
            Block(
                block,
                compile_rules(block.relabel_configs, catalog),
                compile_rules(block.alert_relabel_configs, catalog),
            )
            for block in config.alerting.alertmanagers
        ),
    )


def rule_options(config: Config, options: ServerOptions, external_url: str) -> RuleOptions:
    """What rule groups need of the configuration and the command line."""
    labels = Labels({str(name): value for name, value in config.global_.external_labels.items()})
    return RuleOptions(
        evaluation_interval=int(config.global_.evaluation_interval),
        query_offset=int(config.global_.rule_query_offset),
        external_labels=labels,
        external_url=external_url,
        for_outage_tolerance=int(options.rules_outage_tolerance),
        for_grace_period=int(options.rules_grace_period),
        resend_delay=int(options.rules_resend_delay),
    )
