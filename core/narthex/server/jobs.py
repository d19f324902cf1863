"""Scrape jobs at work: for each its compiled rules and its pool, fed by discovery through the pure function.

A change of groups becomes targets within one turn of the loop. Large target sets are computed in a worker thread, so
that relabeling a big fleet does not delay anybody's scrape.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from narthex.config.safety import DiscoverySafety
from narthex.config.scrape import ScrapeConfig
from narthex.discovery.supervisor import Supervisor
from narthex.explain.duplicates import find_duplicates
from narthex.explain.relabel import explain_rules, steps_json
from narthex.explain.why import JobEvidence
from narthex.model.targetgroup import SourcedGroup
from narthex.plugins.catalog import Catalog
from narthex.relabel.rules import Rules, compile_rules
from narthex.scrape.pool import ScrapePool
from narthex.server.memory import give_back
from narthex.targets import TargetMemo, TargetSet

__all__ = ["Job", "Jobs", "compile_job", "relabel_steps"]

log = logging.getLogger(__name__)

MANY = 10_000
"""Targets of a job from which on it is worth while to give memory back after an update."""
TIDY_AFTER, TIDY_PAUSE = 10.0, 60.0
"""Seconds after which everybody has let go of what an update needed, and least time between two times."""
LARGE = 500
"""Targets from which on the pure function leaves the event loop; fewer take about as long as one scrape."""


@dataclass(frozen=True, slots=True)
class Job:
    """A scrape config with its rules compiled."""

    config: ScrapeConfig
    rules: Rules
    metric_rules: Rules
    safety: DiscoverySafety = field(default_factory=DiscoverySafety)


def compile_job(config: ScrapeConfig, catalog: Catalog, safety: DiscoverySafety | None = None) -> Job:
    """Compile a job's rules; ``safety`` are the global limits. Raises ``PluginError`` when an action's plugin fails."""
    legacy = config.metric_name_validation_scheme == "legacy"
    return Job(
        config,
        compile_rules(config.relabel_configs, catalog, legacy_names=legacy),
        compile_rules(config.metric_relabel_configs, catalog, legacy_names=legacy),
        config.narthex.discovery.over(safety or DiscoverySafety()),
    )


class Jobs:
    """All jobs of a server. ``apply`` a configuration, run :meth:`follow` as a task, ``stop``."""

    def __init__(self, supervisor: Supervisor, make_pool: Callable[[Job, Mapping[str, str]], ScrapePool]) -> None:
        self._supervisor = supervisor
        self._make_pool = make_pool
        self._jobs: dict[str, Job] = {}
        self._pools: dict[str, ScrapePool] = {}
        self._memos: dict[str, tuple[Job, TargetMemo]] = {}
        self._failing: dict[str, str] = {}
        self._doubled: set[str] = set()
        self._syncing = asyncio.Lock()
        self._tidying: asyncio.TimerHandle | None = None
        self._tidied = -TIDY_PAUSE

    async def apply(self, jobs: Sequence[Job], external_labels: Mapping[str, str]) -> None:
        """Take new jobs. Equal ones are not touched; changed ones keep what their pool can keep.

        Raises ``NarthexError`` when a pool cannot be made; then nothing has changed.
        """
        fresh = await self._new_pools(jobs, external_labels)
        before, self._jobs = self._jobs, {job.config.job_name: job for job in jobs}
        for name, job in self._jobs.items():
            if name in fresh:
                self._pools[name] = fresh[name]
            elif before[name].config != job.config:
                self._pools[name].reload(job.config, job.metric_rules)
            else:
                self._jobs[name] = before[name]
        await self._supervisor.apply(
            {name: job.config.discovery for name, job in self._jobs.items()},
            {job.config.job_name: job.safety for job in jobs},
        )
        self._memos = {name: memo for name, memo in self._memos.items() if name in self._jobs}
        self._doubled &= self._jobs.keys()
        gone = [self._pools.pop(name) for name in list(self._pools) if name not in self._jobs]
        for name in self._jobs:
            await self._sync(name)
        await asyncio.gather(*(pool.retire() for pool in gone))

    async def _new_pools(self, jobs: Sequence[Job], external_labels: Mapping[str, str]) -> dict[str, ScrapePool]:
        fresh: dict[str, ScrapePool] = {}
        try:
            for job in jobs:
                if job.config.job_name not in self._pools:
                    fresh[job.config.job_name] = self._make_pool(job, external_labels)
        except BaseException:
            await asyncio.gather(*(pool.retire() for pool in fresh.values()))
            raise
        return fresh

    async def follow(self) -> None:
        """Follow discovery until cancelled."""
        while True:
            for name in await self._supervisor.changes():
                await self._sync(name)

    def pools(self) -> Mapping[str, ScrapePool]:
        """Every pool by job name."""
        return self._pools

    def job(self, name: str) -> Job:
        """A job by name. Raises ``KeyError``."""
        return self._jobs[name]

    def evidence(self) -> list[JobEvidence]:
        """What is known about each job at this moment, for explanations."""
        return [
            JobEvidence(job.config, job.rules, self._supervisor.groups(name), self._pools[name].status().targets)
            for name, job in self._jobs.items()
        ]

    async def stop_discovery(self, grace: float) -> None:
        """Stop discovering: the first thing to stop, so that nothing is taken for gone. ``grace`` in seconds."""
        await self._supervisor.stop(grace)

    async def stop(self) -> None:
        """Stop every scrape, without staleness markers, as Prometheus does on shutdown."""
        if self._tidying is not None:
            self._tidying.cancel()
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    async def _sync(self, name: str) -> None:
        """Give a job's pool the targets of this moment. A failure is the job's own: its targets stay as they are."""
        async with self._syncing:  # the groups are read inside, so that whoever comes last has the newest
            job = self._jobs.get(name)
            if job is None:
                return
            try:
                start = time.perf_counter()
                groups = self._supervisor.groups(name)
                found = await self._targets(job, groups)
                if self._jobs.get(name) is job:  # a reload may have come in between
                    self._pools[name].sync(found, time.perf_counter() - start)
                self._tidy_up(len(found.active))
                await self._tell_duplicates(job, groups, found.duplicates)
            except (Exception, SystemExit) as error:
                reason = f"{type(error).__name__}: {error}"
                if self._failing.get(name) != reason:
                    log.exception("Targets could not be brought up to date", extra={"job": name})
                self._failing[name] = reason
            else:
                if self._failing.pop(name, None):
                    log.info("Targets are up to date again", extra={"job": name})

    def _tidy_up(self, size: int) -> None:
        """Some time after an update of many targets, give back the memory that it needed in between."""
        if size < MANY or self._tidying is not None:
            return
        loop = asyncio.get_running_loop()

        def tidy() -> None:
            self._tidying, self._tidied = None, loop.time()
            loop.run_in_executor(None, give_back)

        self._tidying = loop.call_at(max(loop.time() + TIDY_AFTER, self._tidied + TIDY_PAUSE), tidy)

    async def _tell_duplicates(self, job: Job, groups: Sequence[SourcedGroup], count: int) -> None:
        """Say so, with both origins of one of them, when targets begin or cease to be discovered twice."""
        name = job.config.job_name
        if bool(count) == (name in self._doubled):
            return
        if not count:
            self._doubled.discard(name)
            log.info("No target is discovered twice any more", extra={"job": name})
            return
        self._doubled.add(name)
        extra: dict[str, Any] = {"job": name, "duplicates": count}
        for one in await asyncio.to_thread(find_duplicates, job.config, groups, job.rules, 1):
            extra |= {"target": one.target.url, "scraped_from": one.first, "left_out_from": one.second}
        log.warning("Targets are discovered twice and scraped once", extra=extra)

    async def _targets(self, job: Job, groups: Sequence[SourcedGroup]) -> TargetSet:
        memo = self._memo(job)
        if sum(len(sourced.group.targets) for sourced in groups) < LARGE:
            return memo.update(groups)
        return await asyncio.to_thread(memo.update, groups)

    def _memo(self, job: Job) -> TargetMemo:
        """What is remembered of a job's targets, as long as it is the same job."""
        name = job.config.job_name
        known = self._memos.get(name)
        if known is None or known[0] is not job:
            known = self._memos[name] = (job, TargetMemo(job.config, job.rules))
        return known[1]


def relabel_steps(job: Job, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each target relabel rule of a job, what it makes of ``labels``, and whether they are kept (reference §6.2)."""
    return steps_json(explain_rules("target", job.config.relabel_configs, job.rules, labels))
