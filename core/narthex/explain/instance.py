"""A running instance's API answers, read back into what they were made of: groups for the pure function.

Works for Narthex and for Prometheus. The API tells a target's labels before relabeling with the job's defaults among
them; a label equal to its default is taken for one, so that a new configuration's defaults apply to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from narthex.config.dump import plain
from narthex.config.scrape import ScrapeConfig
from narthex.explain.relabel import job_defaults
from narthex.model.labels import Labels
from narthex.model.targetgroup import SourcedGroup, TargetGroup

__all__ = ["discovered_groups", "incomplete_jobs", "same_discovery", "series_counts"]


def discovered_groups(answer: Mapping[str, Any], jobs: Sequence[ScrapeConfig]) -> dict[str, list[SourcedGroup]]:
    """What each job has discovered, from an answer of ``/api/v1/targets``. Targets that failed are not told by it."""
    defaults = {job.job_name: job_defaults(job).items() for job in jobs}
    found: dict[str, list[Mapping[str, str]]] = {name: [] for name in defaults}
    for one in (*answer["activeTargets"], *answer["droppedTargets"]):
        # Prometheus before 2.53 does not name the pool of a dropped target; its default label does.
        pool = one.get("scrapePool") or one["discoveredLabels"].get("job", "")
        if pool in found:
            found[pool].append(dict(one["discoveredLabels"].items() - defaults[pool]))
    return {
        name: [SourcedGroup("instance", TargetGroup("targets", tuple(targets)))] if targets else []
        for name, targets in found.items()
    }


def incomplete_jobs(answer: Mapping[str, Any]) -> frozenset[str]:
    """Jobs of which the instance keeps fewer dropped targets than there are (``keep_dropped_targets``)."""
    listed: dict[str, int] = {}
    for one in answer["droppedTargets"]:
        listed[one.get("scrapePool", "")] = listed.get(one.get("scrapePool", ""), 0) + 1
    counts: Mapping[str, int] = answer.get("droppedTargetCounts") or {}
    return frozenset(name for name, count in counts.items() if count > listed.get(name, 0))


def same_discovery(one: ScrapeConfig, other: ScrapeConfig) -> bool:
    """Whether two jobs discover alike, as far as masked configurations tell."""
    return [(block.kind, plain(block.config)) for block in one.discovery] == [
        (block.kind, plain(block.config)) for block in other.discovery
    ]


def series_counts(vector: Iterable[Mapping[str, Any]]) -> dict[Labels, int]:
    """Series by target, from the answer to a query for ``scrape_samples_post_metric_relabeling``."""
    return {Labels(one["metric"]).without(["__name__"]): int(float(one["value"][1])) for one in vector}
