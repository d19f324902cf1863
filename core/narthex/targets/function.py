"""THE pure function. What it does stands in the package."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.config.scrape import ScrapeConfig
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup
from narthex.relabel.rules import Rules
from narthex.targets.populate import Populate, Result
from narthex.targets.values import DroppedTarget, FailedTarget, TargetSet, TargetTrace

__all__ = ["final", "results", "targets"]


def targets(job: ScrapeConfig, groups: Sequence[SourcedGroup], rules: Rules, *, trace: bool = False) -> TargetSet:
    """The targets of one job.

    ``rules`` are the job's compiled ``relabel_configs``. Groups are taken in the order given; of targets that end with
    equal labels and URL the first is kept. With ``trace`` every rule's effect is recorded, which costs a multiple.
    Never raises for what discovery found: such a target is among ``failed``.
    """
    populate = Populate(job, rules)
    active: dict[Labels, Target] = {}
    dropped: list[DroppedTarget] = []
    failed: list[FailedTarget] = []
    traces: list[TargetTrace] = []
    duplicates = 0
    for sourced, found in zip(groups, results(populate, groups), strict=True):
        for result in found:
            if isinstance(result, Target):
                # The URL follows from the labels and the job, so the labels are the whole identity.
                if active.setdefault(result.labels, result) is not result:
                    duplicates += 1
            elif isinstance(result, DroppedTarget):
                dropped.append(result)
            else:
                failed.append(result)
        if trace:
            traces += _traces(populate, sourced, found)
    return TargetSet(job.job_name, tuple(active.values()), tuple(dropped), tuple(failed), duplicates, tuple(traces))


def results(populate: Populate, groups: Sequence[SourcedGroup]) -> list[list[Result]]:
    """What becomes of each target of each group, in order."""
    owns = [own for sourced in groups for own in sourced.group.targets]
    labels = [sourced.group.labels for sourced in groups for _ in sourced.group.targets]
    outcomes = iter(populate.run_all(labels, owns))
    return [
        [final(populate, sourced, index, next(outcomes)) for index in range(len(sourced.group.targets))]
        for sourced in groups
    ]


def final(
    populate: Populate, sourced: SourcedGroup, index: int, outcome: Target | DroppedTarget | str | None
) -> Result:
    """The outcome of a target of a group; a failed one tells its place."""
    if outcome is None or type(outcome) is str:
        return populate.failed(sourced, index, outcome or "")
    return outcome  # type: ignore[return-value]  # no text is left


def _traces(populate: Populate, sourced: SourcedGroup, found: Sequence[Result]) -> list[TargetTrace]:
    trace, source = populate.rules.trace, sourced.group.source
    return [
        TargetTrace(sourced.provider, source, index, result.discovered, trace(result.discovered), result)
        for index, result in enumerate(found)
    ]
