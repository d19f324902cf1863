"""Jobs in quarantine, on the side of the running server: which they are, and what runs in their place.

The configuration's part, which jobs are set apart and why, is :mod:`narthex.config.quarantine`. Here a plugin that
cannot compile a job's relabel rules counts, too, and a job that ran before goes on as it was: who breaks one line of a
job wants its targets scraped as yesterday rather than not at all, and its alerts not to fall silent. What does not run
yet, because the server has just started, cannot go on, so such a job is not scraped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from narthex.config.quarantine import QuarantinedJob
from narthex.config.sections import Config
from narthex.errors import NarthexError
from narthex.http.oauth import require_supported
from narthex.plugins.catalog import Catalog
from narthex.server.jobs import Job, compile_job

__all__ = ["JobInQuarantine", "compile_jobs", "since", "summary", "with_previous"]


@dataclass(frozen=True, slots=True)
class JobInQuarantine:
    """A job whose newest configuration is not in force. ``previous``: the version before it still runs.

    ``since`` is seconds since the Unix epoch.
    """

    job: str
    problems: tuple[str, ...]
    previous: bool
    since: float = 0.0

    @property
    def running(self) -> str:
        """What runs under the job's name: ``previous`` or ``nothing``."""
        return "previous" if self.previous else "nothing"

    def __str__(self) -> str:
        what = "its previous version goes on" if self.previous else "it is not scraped"
        return f"job {self.job!r} is in quarantine, {what}: {'; '.join(self.problems)}"


def compile_jobs(config: Config, catalog: Catalog) -> tuple[tuple[Job, ...], tuple[QuarantinedJob, ...]]:
    """The jobs, compiled, and those in quarantine. Raises ``NarthexError`` where the file wants no quarantine."""
    jobs, refused = [], list(config.quarantined)
    for job in config.scrape_configs:
        try:
            if job.http.oauth2:
                require_supported(job.http.oauth2)
            jobs.append(compile_job(job, catalog, config.narthex.discovery))
        except NarthexError as error:
            if not config.narthex.quarantine:
                raise
            refused.append(QuarantinedJob(job.job_name, (str(error),)))
    return tuple(jobs), tuple(refused)


def with_previous(
    jobs: Sequence[Job], quarantined: Iterable[QuarantinedJob], running: Iterable[Job]
) -> tuple[tuple[Job, ...], tuple[JobInQuarantine, ...]]:
    """The jobs to run, previous versions of quarantined ones at the end, and word of each quarantined one.

    A name that a good job has as well (it stood in the file twice) is the good job's.
    """
    before: Mapping[str, Job] = {job.config.job_name: job for job in running}
    taken = {job.config.job_name for job in jobs}
    kept: dict[str, Job] = {}
    told: dict[str, JobInQuarantine] = {}
    for one in quarantined:
        if one.job in before and one.job not in taken:
            kept[one.job] = before[one.job]
        problems = (*told[one.job].problems, *one.problems) if one.job in told else one.problems
        told[one.job] = JobInQuarantine(one.job, problems, one.job in kept)
    return (*jobs, *kept.values()), tuple(told.values())


def since(
    jobs: Iterable[JobInQuarantine], before: Iterable[JobInQuarantine], now: float
) -> tuple[JobInQuarantine, ...]:
    """The jobs with the time at which each came into quarantine."""
    known = {one.job: one.since for one in before}
    return tuple(replace(one, since=known.get(one.job, now)) for one in jobs)


def summary(jobs: Sequence[JobInQuarantine]) -> str:
    """All of it on one line; empty where there is none."""
    return f"{'; '.join(map(str, jobs))}; the rest of the configuration is in force" if jobs else ""
