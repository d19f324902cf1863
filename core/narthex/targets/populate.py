"""The four steps for one target after the other, with all that targets of a job share worked out once.

Targets of a job mostly have the same label names. So what depends on the names alone, the order of names and which of
them are left at the end, is remembered by the tuple of names, and what is left to do for each target is to pick values:
sorting and filtering names anew took more than half of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.errors import PluginError
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup
from narthex.relabel.rules import Rules
from narthex.targets.batch import run_many
from narthex.targets.checks import SWITCHES, TIMING, check_address, check_utf8, timing
from narthex.targets.layered import LayeredLabels
from narthex.targets.shapes import Merge, Outcome
from narthex.targets.url import plain_url, scrape_url
from narthex.targets.values import DroppedTarget, FailedTarget

__all__ = ["Outcomes", "Populate", "Result"]

_T = TypeVar("_T")

Result = Target | DroppedTarget | FailedTarget
Outcomes = list[Target | DroppedTarget | str | None]
"""What becomes of targets by their place; None: not known yet, a text: failed, and why."""

_MEMORY = 4096
"""Tuples of names that are remembered at a time; a job has a handful, unless its targets are each of a kind."""


class Populate:
    """One job. Keeps what it has learned about label names, so use it again for the same job and rules."""

    def __init__(self, job: ScrapeConfig, rules: Rules) -> None:
        self.rules = rules
        self.defaults = _defaults(job)
        self.job = job.job_name
        self.params = job.params
        self.is_plain = _is_text(self.defaults.values())
        """Whether no value of the job's own can make a target fail for not being UTF-8."""
        self._decide = rules.decide
        self._values = tuple(self.defaults.values())
        self._merges: dict[tuple[str, ...], Merge] = {}
        self._outcomes: dict[tuple[str, ...], Outcome] = {}

    def discovered(self, group: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
        """Step 1: a target's labels before relabeling, sorted by name, without empty ones.

        An empty label of the target hides the group's, and then the job's default takes the place.
        """
        values = (*self._values, *group.values(), *own.values())
        if "" in values:
            return self.layers(group, own).to_dict()
        names = (*group, "", *own)  # the empty one tells where the target's own begin
        merge = self._merges.get(names)
        if merge is None:
            merge = _remember(self._merges, names, Merge(self.defaults, group, own))
        return merge.of(values)

    def layers(self, group: Mapping[str, str], own: Mapping[str, str]) -> LayeredLabels:
        """The same as labels that take no memory."""
        return LayeredLabels(self.defaults, group, own)

    def run(self, group: Mapping[str, str], own: Mapping[str, str]) -> Target | DroppedTarget | str:
        """All steps for one target; a text is the reason for which it failed."""
        try:
            labels, rule = self._decide(self.discovered(group, own))
            if labels is None:
                return DroppedTarget(self.job, self.layers(group, own), rule)
            if "" in labels.values():  # an action of a stranger's plugin may leave some
                labels = {name: value for name, value in labels.items() if value}
            address = labels.get("__address__")
            if not address or "/" in address:
                check_address(labels)
            elif "instance" not in labels:
                labels["instance"] = address
            names = tuple(labels)
            outcome = self._outcomes.get(names) or _remember(self._outcomes, names, Outcome(names))
            times = outcome.known_timing.get(outcome.pick_timing(labels)) or self._timing(outcome, labels)
            if not "".join(labels.values()).isascii():
                check_utf8(labels)
        except (PluginError, ValueError) as error:
            return str(error)
        discovered = LayeredLabels(self.defaults, group, own)
        if not outcome.public.names:
            return DroppedTarget(self.job, discovered, None)
        final = outcome.final.of(labels)
        params = self.params
        url = scrape_url(final, params) if params or outcome.has_parameters else plain_url(final)
        public = Labels.of_sorted(outcome.public.of(labels))
        return Target(self.job, Labels.of_sorted(final), url, discovered, public, *times)

    def run_all(self, groups: Sequence[Mapping[str, str]], owns: Sequence[Mapping[str, str]]) -> Outcomes:
        """Likewise for many targets ``owns``, each with the labels of its group."""
        found: Outcomes = [None] * len(owns)
        for place in run_many(self, groups, owns, found):
            found[place] = self.run(groups[place], owns[place])
        return found

    def failed(self, sourced: SourcedGroup, index: int, reason: str) -> FailedTarget:
        """A target of a group that cannot be scraped."""
        group = sourced.group
        discovered = self.layers(group.labels, group.targets[index])
        return FailedTarget(self.job, discovered, reason, sourced.provider, group.source, index)

    def _timing(self, outcome: Outcome, labels: Mapping[str, str]) -> tuple[int, int]:
        """Step 3: interval and timeout in milliseconds. Raises ``ValueError`` in Prometheus's words."""
        times = timing(tuple([labels.get(name, "") for name in TIMING]))
        return _remember(outcome.known_timing, outcome.pick_timing(labels), times)


def _is_text(values: Iterable[str]) -> bool:
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return False
    return True


def _remember(memory: dict[tuple[str, ...], _T], key: tuple[str, ...], value: _T) -> _T:
    if len(memory) >= _MEMORY:
        memory.clear()
    memory[key] = value
    return value


def _defaults(job: ScrapeConfig) -> dict[str, str]:
    switches = {name: str(bool(getattr(job, name.strip("_")))).lower() for name in SWITCHES}
    defaults = {
        "job": job.job_name,
        "__scrape_interval__": str(Duration(job.scrape_interval)),
        "__scrape_timeout__": str(Duration(job.scrape_timeout)),
        "__metrics_path__": job.metrics_path,
        "__scheme__": job.scheme,
        **switches,
        **{f"__param_{name}": values[0] for name, values in job.params.items() if values},
    }
    return {name: value for name, value in defaults.items() if value}
