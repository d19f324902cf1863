"""What differs between two target sets of one job: which targets come, go and change, and for which reasons.

Targets that end equal are the same target. Of the others those that were discovered with the same labels belong
together, then those with the same address; so a change of relabeling shows as a change, not as going and coming.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.explain.labels import label_diff
from narthex.explain.relabel import job_defaults, rule_key, rule_text
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.targets import TargetSet

__all__ = ["JobTargets", "TargetChange", "target_changes"]

Key = Callable[[Labels], Hashable]
"""What targets are matched by, from their discovered labels."""


@dataclass(frozen=True, slots=True)
class TargetChange:
    """A target of the old set, of the new one, or of both."""

    before: Target | None
    after: Target | None
    reason: str = ""

    @property
    def state(self) -> Literal["added", "removed", "relabelled", "changed"]:
        """``relabelled``: its series get other labels; ``changed``: it is only scraped otherwise."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "relabelled" if self.before.public != self.after.public else "changed"

    def lines(self) -> Iterator[str]:
        """The labels and facts that differ, for a target of both sets."""
        if self.before is None or self.after is None:
            return
        yield from label_diff(self.before.public, self.after.public).lines()
        after = dict(_facts(self.after))
        for name, value in _facts(self.before):
            if after[name] != value:
                yield from (f"- {name}: {value}", f"+ {name}: {after[name]}")

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "state": self.state,
            "reason": self.reason,
            "before": _target_json(self.before),
            "after": _target_json(self.after),
            "diff": list(self.lines()),
        }


@dataclass(frozen=True, slots=True)
class JobTargets:
    """One job's targets before and after. The sets may be empty, for a job that comes or goes; ``None`` is no job."""

    old_job: ScrapeConfig | None
    old: TargetSet
    new_job: ScrapeConfig | None
    new: TargetSet


def target_changes(job: JobTargets) -> tuple[TargetChange, ...]:
    """Every target that is not the same before and after, in the order of the sets, the old one's first."""
    kept = {one.key for one in job.old.active} & {one.key for one in job.new.active}
    left = [one for one in job.old.active if one.key not in kept]
    came = [one for one in job.new.active if one.key not in kept]
    old_origin, new_origin = _origin(job.old_job), _origin(job.new_job)
    pairs = _pairs(left, came, old_origin, new_origin)
    paired = {id(one) for one in pairs.values()}
    gone = _fates(job.new, new_origin, job.new_job)
    before = _fates(job.old, old_origin, job.old_job)
    changes = [
        TargetChange(one, pairs[number])
        if number in pairs
        else TargetChange(one, None, _why_gone(job, gone.get(old_origin(one.discovered))))
        for number, one in enumerate(left)
    ]
    fresh = (one for one in came if id(one) not in paired)
    changes += [TargetChange(None, one, _why_new(job, before.get(new_origin(one.discovered)))) for one in fresh]
    return tuple(changes)


def _pairs(left: Sequence[Target], came: Sequence[Target], old_origin: Key, new_origin: Key) -> Mapping[int, Target]:
    """For targets of ``left``, by number, the one of ``came`` that it became; each once, the nearest matches first."""
    pairs: dict[int, Target] = {}
    for old_key, new_key in ((old_origin, new_origin), (_address, _address)):
        taken = {id(one) for one in pairs.values()}
        waiting: defaultdict[Hashable, list[Target]] = defaultdict(list)
        for target in reversed(came):
            if id(target) not in taken:
                waiting[new_key(target.discovered)].append(target)
        for number, target in enumerate(left):
            candidates = waiting.get(old_key(target.discovered))
            if number not in pairs and candidates:
                pairs[number] = candidates.pop()
    return pairs


def _why_gone(job: JobTargets, fate: str | None) -> str:
    if job.new_job is None:
        return "the job is gone"
    return fate or "not discovered any more"


def _why_new(job: JobTargets, fate: str | None) -> str:
    if job.old_job is None:
        return "the job is new"
    return f"before: {fate}" if fate else "newly discovered"


def _origin(job: ScrapeConfig | None) -> Key:
    """What a target was discovered with, less what the job adds by itself, which may differ between the two sides."""
    defaults = frozenset(job_defaults(job).items()) if job is not None else frozenset[tuple[str, str]]()
    return lambda discovered: frozenset(discovered.items()) - defaults


def _address(discovered: Labels) -> Hashable:
    return discovered.get_or_empty("__address__")


def _fates(found: TargetSet, origin: Key, job: ScrapeConfig | None) -> Mapping[Hashable, str]:
    """By origin, why a discovered target is not scraped."""
    fates: dict[Hashable, str] = {}
    for dropped in found.dropped:
        rule = dropped.rule
        if rule is None or job is None:
            fates[origin(dropped.discovered)] = "no label is left"
        else:
            text = rule_text(job.relabel_configs[rule])
            fates[origin(dropped.discovered)] = f"dropped by {rule_key('target', rule)}: {text}"
    for failed in found.failed:
        fates[origin(failed.discovered)] = f"failed: {failed.error}"
    return fates


def _facts(target: Target) -> Iterable[tuple[str, str]]:
    yield "url", target.url
    yield "interval", str(Duration(target.interval))
    yield "timeout", str(Duration(target.timeout))
    yield "inner labels", str(Labels({name: value for name, value in target.labels.items() if _is_inner(name)}))


def _is_inner(name: str) -> bool:
    """A label that series do not carry and that no other fact tells."""
    return name.startswith("__") and name not in {
        "__address__", "__scheme__", "__metrics_path__", "__scrape_interval__", "__scrape_timeout__"
    }  # fmt: skip


def _target_json(target: Target | None) -> dict[str, Any] | None:
    return None if target is None else {"labels": dict(target.public), "scrapeUrl": target.url}
