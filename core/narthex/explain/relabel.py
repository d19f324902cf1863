"""What the rules of one stage make of one label set, rule by rule.

Target rules get the labels as the pure function hands them over, so the job's defaults are among them and the outcome
says what would be scraped. Rules of the other stages get the labels as they are given; to those of ``write`` the
external labels are added, as a writer would add them, though nothing is written yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from narthex.config.dump import plain
from narthex.config.relabel import RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.errors import PluginError
from narthex.explain.labels import LabelDiff, label_diff
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import Rules, Step
from narthex.targets import FailedTarget, targets

__all__ = [
    "NOT_WRITTEN",
    "STAGES",
    "ExplainedRule",
    "Explanation",
    "Stage",
    "explain_rules",
    "explain_target",
    "explain_write",
    "job_defaults",
    "rule_key",
    "rule_text",
    "steps_json",
]

Stage = Literal["target", "metric", "alert", "write"]
Outcome = Literal["kept", "dropped", "failed"]

STAGES: tuple[Stage, ...] = get_args(Stage)
_KEYS: Mapping[Stage, str] = {
    "target": "relabel_configs",
    "metric": "metric_relabel_configs",
    "alert": "alert_relabel_configs",
    "write": "write_relabel_configs",
}
NOT_WRITTEN = "remote write is not implemented: this is what the rules would do, nothing is written"


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """One rule. ``before`` is None where an earlier rule dropped the labels, ``after`` also where this one did."""

    index: int
    rule: RelabelConfig
    before: Labels | None
    after: Labels | None

    @property
    def diff(self) -> LabelDiff:
        """What the rule changed; nothing where it dropped the labels or was not reached."""
        return label_diff(self.before or {}, self.after) if self.after is not None else label_diff({}, {})

    @property
    def verdict(self) -> Literal["kept", "dropped", "not reached"]:
        """What became of the labels at this rule."""
        if self.before is None:
            return "not reached"
        return "dropped" if self.after is None else "kept"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every rule of a stage with its effect, and what came out.

    ``output`` is None unless the labels were kept. For targets they are the labels of the target's series, ``url`` is
    what would be scraped. ``reason`` tells why labels were dropped or failed.
    """

    stage: Stage
    job: str
    given: Labels
    rules: tuple[ExplainedRule, ...]
    outcome: Outcome
    output: Labels | None
    reason: str = ""
    url: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the API and ``--json``."""
        return {
            "stage": self.stage,
            "scrapePool": self.job,
            "labels": dict(self.given),
            "steps": [_step_json(one) for one in self.rules],
            "outcome": self.outcome,
            "reason": self.reason,
            "output": None if self.output is None else dict(self.output),
            **({"scrapeUrl": self.url} if self.stage == "target" else {}),
            **({"note": NOT_WRITTEN} if self.stage == "write" else {}),
        }


def explain_target(job: ScrapeConfig, rules: Rules, labels: Mapping[str, str]) -> Explanation:
    """How a target discovered with ``labels`` fares in ``job``; ``rules`` are its compiled ``relabel_configs``."""
    group = SourcedGroup("given", TargetGroup("given", (labels,)))
    (trace,) = targets(job, [group], rules, trace=True).traces
    explained = _explained(job.relabel_configs, trace.steps, trace.discovered)
    result = trace.result
    if isinstance(result, Target):
        return Explanation("target", job.job_name, trace.discovered, explained, "kept", result.public, url=result.url)
    if isinstance(result, FailedTarget):
        return Explanation("target", job.job_name, trace.discovered, explained, "failed", None, result.error)
    reason = "dropped: no label is left" if result.rule is None else f"dropped by {rule_key('target', result.rule)}"
    return Explanation("target", job.job_name, trace.discovered, explained, "dropped", None, reason)


def job_defaults(job: ScrapeConfig) -> Labels:
    """The labels that a job adds to every target before relabeling, where the target does not bring its own."""
    bare = SourcedGroup("none", TargetGroup("none", ({"__address__": "none"},)))
    (trace,) = targets(job, [bare], Rules(), trace=True).traces
    return trace.discovered.without(["__address__"])


def explain_rules(
    stage: Stage, configs: Sequence[RelabelConfig], rules: Rules, labels: Mapping[str, str], *, job: str = ""
) -> Explanation:
    """What ``rules``, compiled from ``configs``, make of ``labels``."""
    given = Labels(labels)
    explained = _explained(configs, rules.trace(given), given)
    try:
        result, number = rules.decide(given.to_dict())
    except PluginError as error:
        return Explanation(stage, job, given, explained, "failed", None, str(error))
    if not result:
        reason = "dropped: no label is left" if number is None else f"dropped by {rule_key(stage, number)}"
        return Explanation(stage, job, given, explained, "dropped", None, reason)
    return Explanation(stage, job, given, explained, "kept", Labels(result))


def explain_write(
    configs: Sequence[RelabelConfig], rules: Rules, labels: Mapping[str, str], external: Mapping[str, str]
) -> Explanation:
    """What ``write_relabel_configs`` would make of a series; external labels are added where it lacks them."""
    return explain_rules("write", configs, rules, {**external, **{name: one for name, one in labels.items() if one}})


def rule_key(stage: Stage, index: int) -> str:
    """A rule as error messages of the configuration name it, such as ``relabel_configs[2]``; counts from 0."""
    return f"{_KEYS[stage]}[{index}]"


def rule_text(rule: RelabelConfig) -> str:
    """A rule on one line: its action, then what differs from the defaults, as flow YAML."""
    fields = {name: value for name, value in plain(rule, defaults=False).items() if name != "action"}
    shown = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    return f"{rule.action} {{{shown}}}"


def _explained(configs: Sequence[RelabelConfig], steps: Sequence[Step], given: Labels) -> tuple[ExplainedRule, ...]:
    explained: list[ExplainedRule] = []
    for index, rule in enumerate(configs):
        if index < len(steps):
            explained.append(ExplainedRule(index, rule, steps[index].before, steps[index].after))
        elif index == len(steps) and (not steps or steps[-1].after is not None):  # this rule's action failed
            explained.append(ExplainedRule(index, rule, steps[-1].after if steps else given, None))
        else:
            explained.append(ExplainedRule(index, rule, None, None))
    return tuple(explained)


def steps_json(explanation: Explanation) -> list[dict[str, Any]]:
    """The steps in the shape of Prometheus's ``relabel_steps``."""
    return [
        {
            "rule": {"action": str(one.rule.action), **plain(one.rule, defaults=False)},
            "output": dict(one.after or {}),
            "keep": one.after is not None,
        }
        for one in explanation.rules
    ]


def _step_json(one: ExplainedRule) -> dict[str, Any]:
    return {
        "index": one.index,
        "rule": {"action": str(one.rule.action), **plain(one.rule, defaults=False)},
        "verdict": one.verdict,
        "output": None if one.after is None else dict(one.after),
        **one.diff.as_json(),
    }
