"""Why a target is scraped, or is not: where it was discovered and what each stage decided, or who was asked in vain.

Pure: the caller hands in what the server knows at one moment (:class:`JobEvidence`, the discoverers' states); the
decisions are made anew from the groups in force, with the function that made them first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal
from urllib.parse import urlsplit

from narthex.config.scrape import ScrapeConfig
from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus
from narthex.explain.given import parse_labels
from narthex.explain.relabel import Explanation, explain_target
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup
from narthex.relabel.rules import Rules
from narthex.scrape.status import TargetStatus
from narthex.targets.function import results
from narthex.targets.populate import Populate

__all__ = ["Finding", "JobEvidence", "Question", "Why", "why_target"]

State = Literal["active", "duplicate", "dropped", "failed", "not discovered"]

_ORDER: Sequence[State] = ("active", "duplicate", "failed", "dropped")
_SIMILAR = 5
MAX_FINDINGS = 100
"""More would not be read, and each is traced rule by rule."""


@dataclass(frozen=True, slots=True)
class Question:
    """The target that is meant: an address (``host:port``, a host, a URL or an instance), or some of its labels."""

    address: str = ""
    labels: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, text: str) -> Question:
        """Read an address, or labels as ``name=value,name=value`` or ``{name="value"}``. Raises ``ValueError``."""
        text = text.strip()
        if not text:
            raise ValueError("an address or labels are needed")
        if "{" in text or ("=" in text and "://" not in text):
            return cls(labels=parse_labels(text))
        return cls(text)

    def means(self, discovered: Labels, target: Target | None) -> bool:
        """Whether a discovered target, and what relabeling made of it if it was kept, is the one in question."""
        if self.labels is not None:
            wanted = self.labels.items()
            return wanted <= discovered.items() or (target is not None and wanted <= target.labels.items())
        names = {discovered.get_or_empty("__address__"), discovered.get_or_empty("instance")}
        if target is not None:
            names |= {target.labels.get_or_empty("__address__"), target.labels.get_or_empty("instance"), target.url}
        return self.address in names or any(self.address in name and _host(name) == self.address for name in names)


@dataclass(frozen=True, slots=True)
class JobEvidence:
    """One job at one moment: its configuration and compiled ``relabel_configs``, the groups in force, the scrapes."""

    config: ScrapeConfig
    rules: Rules
    groups: Sequence[SourcedGroup] = ()
    scrapes: Sequence[TargetStatus] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A discovered target that the question means: whence, what the rules made of it, how its scrapes go.

    ``same_as`` is the origin of the target that it equals, whose scrapes serve both.
    """

    job: str
    provider: str
    source: str
    explanation: Explanation
    scrape: TargetStatus | None = None
    same_as: str = ""

    @property
    def state(self) -> State:
        """What became of it."""
        if self.explanation.outcome == "kept":
            return "duplicate" if self.same_as else "active"
        return "dropped" if self.explanation.outcome == "dropped" else "failed"


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. ``asked`` are the discoverers of the jobs in question, ``similar`` addresses nearly the one asked.

    ``held`` are updates of theirs that are not in force (a target may be there only for that, or be missing), and
    ``restored`` groups that they have not confirmed since the start.
    """

    findings: tuple[Finding, ...]
    asked: tuple[DiscovererStatus, ...]
    similar: tuple[str, ...] = ()
    held: tuple[HeldUpdate, ...] = ()
    restored: tuple[RestoredGroups, ...] = ()

    @property
    def state(self) -> State:
        """The best that became of the target in any job."""
        states = {one.state for one in self.findings}
        return next((one for one in _ORDER if one in states), "not discovered")

    def as_json(self, now: float) -> dict[str, Any]:
        """For the API; ages are seconds before ``now`` (seconds since the Unix epoch)."""
        providers = {one.provider: one for one in self.asked}
        return {
            "state": self.state,
            "findings": [_finding_json(one, providers.get(one.provider), now) for one in self.findings],
            "discoverers": [_discoverer_json(one, now) for one in self.asked],
            "similar": list(self.similar),
            "held": [_held_json(one, now) for one in self.held],
            "restored": [_restored_json(one, now) for one in self.restored],
        }


def why_target(
    question: Question,
    jobs: Sequence[JobEvidence],
    discoverers: Sequence[DiscovererStatus],
    held: Sequence[HeldUpdate] = (),
    restored: Sequence[RestoredGroups] = (),
) -> Why:
    """Everything that is known about the target in question, the best news first; at most 100 findings."""
    findings: list[Finding] = []
    addresses: set[str] = set()
    for job in jobs:
        findings += _in_job(question, job, addresses, MAX_FINDINGS - len(findings))
    names = {job.config.job_name for job in jobs}
    asked = [one for one in discoverers if names.intersection(one.jobs)]
    concerned = {(one.job, one.provider) for one in findings} or {(job, one.provider) for one in asked for job in names}
    similar = () if findings else get_close_matches(question.address, sorted(addresses), n=_SIMILAR)
    return Why(
        tuple(sorted(findings, key=lambda one: _ORDER.index(one.state))),
        tuple(asked),
        tuple(similar),
        tuple(one for one in held if (one.job, one.provider) in concerned),
        tuple(one for one in restored if (one.job, one.provider) in concerned),
    )


def _in_job(question: Question, job: JobEvidence, addresses: set[str], limit: int) -> Iterator[Finding]:
    """What one job has to say; every address it knows is added to ``addresses``."""
    scrapes = {one.target.key: one for one in job.scrapes}
    origins: dict[Hashable, str] = {}
    populate = Populate(job.config, job.rules)
    for sourced, found in zip(job.groups, results(populate, job.groups), strict=True):
        provider, source = sourced.provider, sourced.group.source
        for result in found:
            discovered, target = result.discovered, result if isinstance(result, Target) else None
            addresses.add(discovered.get_or_empty("__address__"))
            origin = f"{provider} {source}"
            first = origins.setdefault(target.key, origin) if target is not None else origin
            if limit <= 0 or not question.means(discovered, target):
                continue
            limit -= 1
            explanation = explain_target(job.config, job.rules, discovered)
            scrape = scrapes.get(target.key) if target is not None else None
            same_as = "" if first is origin else first
            yield Finding(job.config.job_name, provider, source, explanation, scrape, same_as)


def _host(name: str) -> str:
    """The host in a URL or an address."""
    try:
        return urlsplit(name if "://" in name else f"//{name}").hostname or ""
    except ValueError:
        return ""


def _finding_json(one: Finding, provider: DiscovererStatus | None, now: float) -> dict[str, Any]:
    scrape = one.scrape
    return {
        "state": one.state,
        "scrapePool": one.job,
        "provider": one.provider,
        "source": one.source,
        "discoveredAge": None if provider is None else _age(provider.last_success, now),
        "sameAs": one.same_as,
        "explanation": one.explanation.as_json(),
        "health": scrape.health if scrape else "",
        "lastError": scrape.last_error if scrape else "",
        "lastScrapeAge": _age(scrape.last_scrape / 1000, now) if scrape and scrape.last_scrape else None,
    }


def _discoverer_json(one: DiscovererStatus, now: float) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "kind": one.kind,
        "jobs": list(one.jobs),
        "state": one.state.value,
        "lastError": one.last_error,
        "lastSuccessAge": _age(one.last_success, now),
        "groups": one.groups,
        "targets": one.targets,
    }


def _held_json(one: HeldUpdate, now: float) -> dict[str, Any]:
    return {
        "scrapePool": one.job,
        "provider": one.provider,
        "reason": one.reason,
        "age": _age(one.since, now),
        "targetsKept": one.kept,
    }


def _restored_json(one: RestoredGroups, now: float) -> dict[str, Any]:
    return {
        "scrapePool": one.job,
        "provider": one.provider,
        "confirmedAge": _age(one.confirmed, now),
        "targets": one.targets,
    }


def _age(then: float | None, now: float) -> float | None:
    return None if then is None else round(max(now - then, 0.0), 3)
