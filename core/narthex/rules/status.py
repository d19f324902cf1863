"""What the API says about groups, rules and alerts: frozen values, taken at one moment. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from narthex.model.labels import EMPTY, Labels
from narthex.rules.alerting import ActiveAlert, State
from narthex.rules.rule import AlertingRule, RecordingRule, Rule

__all__ = ["AlertStatus", "GroupStatus", "RuleStatus", "rule_status"]


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """An alert that is pending or firing. ``keep_firing_since`` is None unless only ``keep_firing_for`` holds it."""

    labels: Labels
    annotations: Labels
    state: str
    active_at: float
    value: float
    fired_at: float | None = None
    keep_firing_since: float | None = None


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """``kind`` is ``alerting`` or ``recording``; durations are seconds. Fields of alerts are empty for recordings."""

    kind: str
    name: str
    query: str
    labels: Mapping[str, str]
    health: str
    last_error: str
    last_evaluation: float
    evaluation_time: float
    duration: float = 0.0
    keep_firing_for: float = 0.0
    annotations: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    alerts: tuple[AlertStatus, ...] = ()
    state: str = ""


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One group with its rules in file order; ``interval`` and ``query_offset`` are seconds."""

    file: str
    name: str
    interval: float
    query_offset: float
    limit: int
    last_evaluation: float
    evaluation_time: float
    rules: tuple[RuleStatus, ...]


def rule_status(rule: Rule) -> RuleStatus:
    """The status of one rule."""
    return _alerting(rule) if isinstance(rule, AlertingRule) else _recording(rule)


def _recording(rule: RecordingRule) -> RuleStatus:
    health = rule.health
    return RuleStatus(
        kind="recording",
        name=rule.name,
        query=rule.expression.text,
        labels=rule.labels,
        health=health.state,
        last_error=health.error,
        last_evaluation=health.last_evaluation,
        evaluation_time=health.duration,
    )


def _alerting(rule: AlertingRule) -> RuleStatus:
    health = rule.health
    return RuleStatus(
        kind="alerting",
        name=rule.name,
        query=rule.expression.text,
        labels=rule.labels,
        health=health.state,
        last_error=health.error,
        last_evaluation=health.last_evaluation,
        evaluation_time=health.duration,
        duration=rule.timing.hold / 1000,
        keep_firing_for=rule.timing.keep_firing_for / 1000,
        annotations=rule.annotations,
        alerts=tuple(_alert(one) for one in rule.alerts.values() if one.state is not State.INACTIVE),
        state=str(rule.state),
    )


def _alert(alert: ActiveAlert) -> AlertStatus:
    return AlertStatus(
        labels=alert.labels,
        annotations=alert.annotations,
        state=alert.state.value,
        active_at=alert.active_at / 1000,
        value=alert.value,
        fired_at=None if alert.fired_at is None else alert.fired_at / 1000,
        keep_firing_since=None if alert.keep_firing_since is None else alert.keep_firing_since / 1000,
    )
