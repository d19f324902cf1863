"""What a new configuration would change: targets, the identities of series, rules and settings.

Pure. Both sides are given as configurations with their target sets; how these came about (a running instance's answers,
discovery) is the caller's business (:mod:`narthex.cli.planning`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from narthex.config.scrape import ScrapeConfig
from narthex.config.sections import Config
from narthex.explain.ruleplan import GroupSpec, RuleChange, rule_changes
from narthex.explain.settings import SettingChange, setting_changes
from narthex.explain.targetplan import JobTargets, TargetChange, target_changes
from narthex.model.labels import Labels
from narthex.targets import TargetSet

__all__ = ["JobPlan", "Plan", "Side", "make_plan"]

_ELSEWHERE = ("scrape_configs", "rule_files", "scrape_config_files")
_IDENTITY = ("metric_relabel_configs", "honor_labels", "metric_name_validation_scheme", "metric_name_escaping_scheme")
"""Settings of a job that may give the series of every target other labels."""


@dataclass(frozen=True, slots=True)
class Side:
    """A configuration with what is discovered for it. ``series`` counts the series of targets, by public labels."""

    config: Config
    targets: Mapping[str, TargetSet]
    rules: Sequence[GroupSpec] = ()
    series: Mapping[Labels, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One job that changes. ``ending`` counts series that end, as far as known; of ``unsure`` targets series may."""

    job: str
    state: Literal["added", "removed", "changed"]
    settings: tuple[SettingChange, ...]
    targets: tuple[TargetChange, ...]
    unchanged: int
    ending: int
    unsure: int

    def count(self, state: str) -> int:
        """How many targets fare so."""
        return sum(one.state == state for one in self.targets)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "job": self.job,
            "state": self.state,
            "settings": [one.as_json() for one in self.settings],
            "targets": [one.as_json() for one in self.targets],
            "counts": {
                **{state: self.count(state) for state in ("added", "removed", "relabelled", "changed")},
                "unchanged": self.unchanged,
            },
            "seriesEnding": self.ending,
            "targetsWithOtherSeries": self.unsure,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would change; empty parts mean that nothing would."""

    jobs: tuple[JobPlan, ...]
    rules: tuple[RuleChange, ...]
    settings: tuple[SettingChange, ...]

    def __bool__(self) -> bool:
        return bool(self.jobs or self.rules or self.settings)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "changes": bool(self),
            "jobs": [one.as_json() for one in self.jobs],
            "rules": [one.as_json() for one in self.rules],
            "settings": [one.as_json() for one in self.settings],
        }


def make_plan(old: Side, new: Side, *, secrets: bool = True) -> Plan:
    """Compare the sides. ``secrets``: neither side is masked, so a change of a secret is a change."""
    before = {one.job_name: one for one in old.config.scrape_configs}
    after = {one.job_name: one for one in new.config.scrape_configs}
    jobs = [
        _job(name, before.get(name), after.get(name), old, new, secrets=secrets)
        for name in [*before, *(name for name in after if name not in before)]
    ]
    return Plan(
        tuple(one for one in jobs if one is not None),
        rule_changes(old.rules, new.rules),
        setting_changes(old.config, new.config, without=_ELSEWHERE, secrets=secrets),
    )


def _job(
    name: str, before: ScrapeConfig | None, after: ScrapeConfig | None, old: Side, new: Side, *, secrets: bool
) -> JobPlan | None:
    settings = () if before is None or after is None else setting_changes(before, after, secrets=secrets)
    none = TargetSet(name)
    sets = JobTargets(before, old.targets.get(name, none), after, new.targets.get(name, none))
    changes = target_changes(sets)
    if before is not None and after is not None and not settings and not changes:
        return None
    ends = [one.before for one in changes if one.state in {"removed", "relabelled"} and one.before is not None]
    unchanged = len(sets.old.active) - sum(one.before is not None for one in changes)
    others = any(one.path.partition(".")[0] in _IDENTITY for one in settings)
    return JobPlan(
        job=name,
        state="added" if before is None else "removed" if after is None else "changed",
        settings=settings,
        targets=changes,
        unchanged=unchanged,
        ending=sum(old.series.get(target.public, 0) for target in ends),
        unsure=len(sets.new.active) if others else 0,
    )
