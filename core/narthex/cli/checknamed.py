"""What a configuration names and a server would only meet later.

That is files of credentials and certificates, target files, and targets that need no asking but cannot be scraped. What
promtool refuses is a failure here. Other files that are not there are a warning, because secrets are often mounted only
where the server runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narthex.config.globs import expand
from narthex.config.http import HttpConfig
from narthex.config.scrape import DiscoveryConfig, ScrapeConfig
from narthex.config.sections import AlertmanagerConfig, Config
from narthex.discovery.groups import parse_json_groups, parse_yaml_groups, sourced
from narthex.errors import ConfigError
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.notify.endpoints import endpoints
from narthex.plugins.catalog import Catalog
from narthex.relabel.rules import compile_rules
from narthex.targets import targets

__all__ = ["Finding", "findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong; ``fatal`` where it fails the check."""

    text: str
    fatal: bool = True


def findings(config: Config, catalog: Catalog) -> Iterator[Finding]:
    """Everything that is wrong with what the configuration names, job by job, then of alerting."""
    for job in config.scrape_configs:
        where = f"scrape job {job.job_name!r}"
        yield from _needed(job.http)
        yield from _wanted(job.http, where)
        for block in job.discovery:
            yield from _wanted(getattr(block.config, "http", None), f"{block.key} of {where}")
        yield from _targets(job, catalog)
    legacy = config.global_.metric_name_validation_scheme == "legacy"
    for one in config.alerting.alertmanagers:
        yield from _wanted(one.http, "alerting")
        yield from _alertmanagers(one, catalog, legacy=legacy)


def _needed(http: HttpConfig) -> Iterator[Finding]:
    """Files without which every scrape fails."""
    if http.authorization and _absent(http.authorization.credentials_file):
        name = http.authorization.credentials_file
        text = f'error checking authorization credentials or bearer token file "{name}": no such file'
        yield Finding(text)
    for what in ("cert", "key"):
        name = getattr(http.tls_config, f"{what}_file")
        if _absent(name):
            yield Finding(f'error checking client {what} file "{name}": no such file')


def _wanted(http: Any, where: str) -> Iterator[Finding]:
    """The other files of a client."""
    if not isinstance(http, HttpConfig):
        return
    names: list[Any] = [http.tls_config.ca_file]
    if http.basic_auth:
        names += [http.basic_auth.username_file, http.basic_auth.password_file]
    if http.oauth2:
        names += [http.oauth2.client_secret_file, http.oauth2.client_certificate_key_file]
    names += [name for header in http.http_headers.values() for name in header.files]
    for name in names:
        if _absent(name):
            yield Finding(f'file "{name}" for {where} does not exist', fatal=False)


def _absent(name: str | None) -> bool:
    return bool(name) and not Path(str(name)).exists()


def _targets(job: ScrapeConfig, catalog: Catalog) -> Iterator[Finding]:
    """What becomes of the targets that are known without asking anyone."""
    known: list[TargetGroup] = []
    yield from _groups(job.discovery, f'scrape job "{job.job_name}"', known)
    legacy = job.metric_name_validation_scheme == "legacy"
    rules = compile_rules(job.relabel_configs, catalog, legacy_names=legacy)
    for one in targets(job, [SourcedGroup("", group) for group in known], rules).failed:
        yield Finding(str(one))


def _alertmanagers(config: AlertmanagerConfig, catalog: Catalog, *, legacy: bool) -> Iterator[Finding]:
    """Likewise of Alertmanagers."""
    known: list[TargetGroup] = []
    yield from _groups(config.discovery, "alerting", known)
    rules = compile_rules(config.relabel_configs, catalog, legacy_names=legacy)
    yield from (Finding(f"Alertmanagers of group {one}") for one in endpoints(config, known, rules).errors)


def _groups(blocks: Sequence[DiscoveryConfig], whose: str, known: list[TargetGroup]) -> Iterator[Finding]:
    """What is wrong with target files; the groups of files and of the configuration itself go to ``known``."""
    for block in blocks:
        if block.kind == "static":
            known += [
                TargetGroup(str(index), tuple({"__address__": target} for target in one.targets), dict(one.labels))
                for index, one in enumerate(block.config)
            ]
        elif block.kind == "file":
            for pattern in block.config.files:
                yield from _files(pattern, whose, known)


def _files(pattern: str, whose: str, known: list[TargetGroup]) -> Iterator[Finding]:
    """The target files of a pattern; their groups go to ``known``."""
    paths = expand(pattern)
    if not paths:
        yield Finding(f'file "{pattern}" for file_sd in {whose} does not exist', fatal=False)
    for path in paths:
        parse = parse_json_groups if path.lower().endswith(".json") else parse_yaml_groups
        try:
            groups = parse(Path(path).read_bytes(), path)
        except (ConfigError, OSError) as error:
            yield Finding(f'checking SD file "{path}": {error}')
            continue
        known += sourced(path, groups, {"__meta_filepath": path})
