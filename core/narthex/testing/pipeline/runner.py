"""Runs the tests of one file: reads the configuration once, then each test by itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from narthex.config.load import load_config, read_file, rule_paths
from narthex.config.rulefile import RuleFile
from narthex.config.scrape import ScrapeConfig
from narthex.config.sections import Config
from narthex.discovery.groups import WireGroup, parse_json_groups, parse_yaml_groups
from narthex.errors import ConfigError, NarthexError
from narthex.gotemplate.contributed import plugin_functions
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.plugins.catalog import Catalog
from narthex.promql.contributed import with_plugins
from narthex.relabel.rules import compile_rules
from narthex.rules.files import read_rule_files
from narthex.targets import targets
from narthex.testing.pipeline.compare import Failure, compare_targets
from narthex.testing.pipeline.format import Group, PipelineTest, read_tests
from narthex.testing.pipeline.timeline import Stage, Timeline

__all__ = ["Outcome", "run_tests"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test; it passed if nothing failed."""

    file: str
    name: str
    failures: tuple[Failure, ...]

    def __str__(self) -> str:
        """The failures, a line each with the diff below."""
        return "\n".join(
            "\n".join([f"{self.file}:{one.line}: {self.name}: {one.message}", *(f"    {line}" for line in one.diff)])
            for one in self.failures
        )


def run_tests(path: str | Path, catalog: Catalog, env: Mapping[str, str]) -> Iterator[Outcome]:
    """Run every test of a file. Raises ``ConfigError`` if the file, or a configuration it needs, cannot be read."""
    file = read_tests(read_file(path), str(path))
    assert file.config is not None  # the reader has filled it in
    config = load_config(file.config, catalog, env=env)
    rule_files = read_rule_files(rule_paths(config), with_plugins(catalog), plugin_functions(catalog))
    with ThreadPoolExecutor(1, thread_name_prefix="pipeline-test") as executor:
        run = _Run(str(path), config, rule_files, catalog, executor)
        for test in file.tests:
            yield Outcome(str(path), test.name, tuple(sorted(run.test(test), key=lambda one: one.line)))


@dataclass(frozen=True, slots=True)
class _Run:
    path: str
    config: Config
    rule_files: Mapping[str, RuleFile]
    catalog: Catalog
    executor: ThreadPoolExecutor

    def test(self, test: PipelineTest) -> Sequence[Failure]:
        jobs = {one.job_name: one for one in self.config.scrape_configs}
        job = jobs.get(test.job)
        if job is None:
            close = get_close_matches(test.job, jobs, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; jobs: {', '.join(jobs) or 'none'}"
            return [Failure(test.line_of("job"), f"no job is named {test.job!r}{hint}")]
        try:
            return self._run(test, job)
        except ConfigError as error:
            return [Failure(test.line_of("groups_file"), str(error))]
        except NarthexError as error:
            return [Failure(test.line, str(error))]

    def _run(self, test: PipelineTest, job: ScrapeConfig) -> Sequence[Failure]:
        legacy = job.metric_name_validation_scheme == "legacy"
        rules = compile_rules(job.relabel_configs, self.catalog, legacy_names=legacy)
        found = targets(job, _groups(test), rules)
        failures = list(compare_targets(test, found))
        if not (test.scrapes or test.queries or test.alerts):
            return failures
        stage = Stage(
            config=self.config,
            job=job,
            metric_rules=compile_rules(job.metric_relabel_configs, self.catalog, legacy_names=legacy),
            catalog=self.catalog,
            targets=found.active,
            rule_files=self.rule_files if test.queries or test.alerts else {},
            executor=self.executor,
        )
        timeline = Timeline(stage, test)
        asyncio.run(timeline.run())
        return [*failures, *timeline.failures]


def _groups(test: PipelineTest) -> list[SourcedGroup]:
    """The test's groups, those of the file first."""
    return [
        SourcedGroup("test", TargetGroup(source, tuple({"__address__": one} for one in group.targets), _texts(group)))
        for source, group in _sources(test)
    ]


def _texts(group: Group) -> dict[str, str]:
    return {str(name): value for name, value in group.labels.items()}


def _sources(test: PipelineTest) -> Iterator[tuple[str, Group]]:
    if test.groups_file is not None:
        for index, one in enumerate(_read_groups(test.groups_file)):
            yield f"{test.groups_file}:{index}", Group(one.targets, one.labels)
    for index, group in enumerate(test.groups):
        yield str(index), group


def _read_groups(file: str) -> Sequence[WireGroup]:
    """A target file, or what ``check service-discovery --json`` printed. Raises ``ConfigError``."""
    text = read_file(file)
    if not file.lower().endswith(".json"):
        return parse_yaml_groups(text, file)
    with contextlib.suppress(ValueError):  # which the reader of groups will say better
        whole = json.loads(text)
        if isinstance(whole, dict) and "groups" in whole:
            text = json.dumps(whole["groups"]).encode()
    return parse_json_groups(text, file)
