"""Load ``prometheus.yml`` with the files it includes: one value, or one error with every problem of every file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from narthex.config.decode import read_document
from narthex.config.document import parse_yaml
from narthex.config.external import expand_labels
from narthex.config.globs import check_pattern, expand_all
from narthex.config.jobs import JobReader
from narthex.config.quarantine import Place, QuarantinedJob, place_of, set_apart
from narthex.config.scrape import ScrapeConfig
from narthex.config.sections import Config
from narthex.config.session import INVALID, Session
from narthex.config.tables import tables_of
from narthex.config.types import FilePath
from narthex.errors import ConfigError, Problem
from narthex.plugins.catalog import Catalog

__all__ = ["load_config", "parse_config", "read_file", "rule_paths"]

_NOT_FOR_AGENTS = ("alerting", "rule_files", "remote_read")


def load_config(
    path: str | Path,
    catalog: Catalog,
    *,
    env: Mapping[str, str] = os.environ,
    agent: bool = False,
    quarantine: bool = False,
) -> Config:
    """Read and check a configuration file; ``catalog`` says which kinds exist, ``env`` feeds external labels.

    Raises ``ConfigError`` with all problems, those of included files among them. With ``quarantine``, and where the
    file asks for it, bad jobs are left out and stand in ``quarantined`` instead, as far as
    :mod:`narthex.config.quarantine` allows.
    """
    name = str(path)
    return parse_config(read_file(path), name, catalog, env=env, agent=agent, quarantine=quarantine)


def parse_config(
    text: str | bytes,
    filename: str,
    catalog: Catalog,
    *,
    env: Mapping[str, str] = os.environ,
    agent: bool = False,
    quarantine: bool = False,
) -> Config:
    """Likewise for a text; ``filename`` stands in messages, and its directory is where relative names start."""
    return _Loading(catalog, env, agent=agent, quarantine=quarantine).load(text, filename)


def read_file(path: str | Path) -> bytes:
    """The bytes of a configuration file. Raises ``ConfigError`` if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError((Problem(str(path), 0, 0, "", f"cannot be read: {reason}"),)) from None


def rule_paths(config: Config) -> tuple[Path, ...]:
    """The rule files there are now, each once, in the order of the patterns."""
    return expand_all(config.rule_files)


@dataclass(frozen=True, slots=True)
class _Included:
    """A file of ``scrape_config_files``."""

    scrape_configs: tuple[ScrapeConfig, ...] = ()


class _Loading:
    """One load: the sessions of all files read, and the warnings."""

    def __init__(self, catalog: Catalog, env: Mapping[str, str], *, agent: bool, quarantine: bool) -> None:
        self.catalog = catalog
        self.env = env
        self.agent = agent
        self.quarantine = quarantine
        self.tables = tables_of(catalog)
        self.sessions: list[Session] = []
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def load(self, text: str | bytes, filename: str) -> Config:
        session = self._session(text, filename)
        config = read_document(Config, session)
        if config is INVALID:
            session.finish()
        labels, unset = expand_labels(config.global_.external_labels, self.env)
        self.warnings += unset
        global_ = replace(config.global_, external_labels=labels)
        reader = JobReader(self.catalog, global_, self.warnings)
        self._check_sections(session, config, reader)
        jobs = [(session, job) for job in config.scrape_configs]
        jobs += self._included(config.scrape_config_files)
        found = self._effective(reader, jobs)
        quarantined = self._finish(config)
        bad = {one.place for one in quarantined}
        whole: Config = replace(
            config,
            global_=global_,
            scrape_configs=tuple(job for place, job in found if place not in bad),
            warnings=tuple(self.warnings),
            quarantined=quarantined,
        )
        return whole

    def _session(self, text: str | bytes, filename: str) -> Session:
        document = parse_yaml(text, filename)
        if document.more:
            self.warnings.append(f"{filename}: holds several YAML documents; only the first is used")
        session = Session(filename, document, os.path.dirname(filename), self.tables)  # noqa: PTH120 -- may be empty
        self.sessions.append(session)
        return session

    def _finish(self, config: Config) -> tuple[QuarantinedJob, ...]:
        """The jobs to leave out. Raises ``ConfigError`` where that is not wanted, or not enough."""
        for session in self.sessions:
            self.problems.extend(session.sorted_problems())
        if not self.problems:
            return ()
        wanted = self.quarantine and config.narthex.quarantine
        quarantined = set_apart(self.sessions, self.problems) if wanted else None
        if quarantined is None:
            raise ConfigError(tuple(self.problems))
        return quarantined

    def _check_sections(self, session: Session, config: Config, reader: JobReader) -> None:
        """The rules of the main file that no section can check alone."""
        reader.protocols(session, config.global_, config.global_.scrape_protocols, "global")
        reader.alerting(session, config.alerting)
        if self.agent:
            for key in _NOT_FOR_AGENTS:
                if session.has(config, key):
                    session.fail_at(config, key, f"field {key} is not allowed in agent mode")
        for key in ("rule_files", "scrape_config_files"):
            for pattern in getattr(config, key):
                if message := check_pattern(pattern):
                    session.fail_at(config, key, message)
        seen: set[str] = set()
        for receiver in config.narthex.receivers:
            if receiver.name in seen:
                session.fail_at(receiver, "name", f"found several receivers with the name {receiver.name!r}")
            seen.add(receiver.name)

    def _included(self, patterns: Sequence[FilePath]) -> list[tuple[Session, ScrapeConfig]]:
        """The jobs of the included files, each with the session that knows its place."""
        jobs: list[tuple[Session, ScrapeConfig]] = []
        for path in expand_all(pattern for pattern in patterns if not check_pattern(pattern)):
            try:
                session = self._session(read_file(path), str(path))
            except ConfigError as error:
                self.problems.extend(error.problems)
                continue
            included = read_document(_Included, session)
            if included is not INVALID:
                jobs += [(session, job) for job in included.scrape_configs]
        return jobs

    def _effective(
        self, reader: JobReader, jobs: Sequence[tuple[Session, ScrapeConfig]]
    ) -> list[tuple[Place | None, ScrapeConfig]]:
        """The jobs in effect, and where each stands; a name may stand once in all files together."""
        first: dict[str, str] = {}
        result = []
        for session, job in jobs:
            if job.job_name in first:
                message = (
                    f'found multiple scrape configs with job name "{job.job_name}", first in {first[job.job_name]}'
                )
                session.fail_at(job, "job_name", message)
            first.setdefault(job.job_name, f"{session.file}:{session.line_of(job, 'job_name')}")
            result.append((place_of(session.file, session.path_of(job)), reader.job(session, job)))
        return result
