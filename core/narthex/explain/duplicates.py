"""Targets that a job discovers twice: which two origins each has, so that somebody can take one of them away.

The pure function counts such targets and keeps the first, because that is all the hot path needs. This asks again,
and is called when targets begin to be discovered twice or when somebody wants to know.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from narthex.config.scrape import ScrapeConfig
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup
from narthex.relabel.rules import Rules
from narthex.targets.function import results
from narthex.targets.populate import Populate

__all__ = ["Duplicate", "find_duplicates"]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A target, the origin of the one that is scraped, and the origin of one that equals it."""

    target: Target
    first: str
    second: str

    def as_json(self) -> dict[str, Any]:
        """For the API."""
        return {
            "scrapePool": self.target.job,
            "labels": dict(self.target.public),
            "scrapeUrl": self.target.url,
            "origins": [self.first, self.second],
        }


def find_duplicates(
    job: ScrapeConfig, groups: Sequence[SourcedGroup], rules: Rules, limit: int | None = None
) -> tuple[Duplicate, ...]:
    """The targets of a job that equal an earlier one, at most ``limit``. An origin is a provider and a source."""
    return tuple(islice(_duplicates(job, groups, rules), limit))


def _duplicates(job: ScrapeConfig, groups: Sequence[SourcedGroup], rules: Rules) -> Iterator[Duplicate]:
    first: dict[Hashable, str] = {}
    populate = Populate(job, rules)
    for sourced, found in zip(groups, results(populate, groups), strict=True):
        origin = f"{sourced.provider} {sourced.group.source}"
        for target in found:
            if not isinstance(target, Target):
                continue
            known = first.get(target.key)
            if known is None:
                first[target.key] = origin
            else:
                yield Duplicate(target, known, origin)
