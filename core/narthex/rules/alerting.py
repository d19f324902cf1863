"""The alert state machine, as pure functions over frozen states (reference §5.4).

An alert is identified by its labels. ``advance`` takes the alerts of a rule and what its expression has just found, and
gives the alerts from now on; ``due`` says which of them are to be sent. All times are milliseconds since the epoch.

::

                  found                 found for `for`
    (unknown) ───────────► pending ───────────────────────► firing
                              │ not found                     │ not found for `keep_firing_for`
                              ▼                               ▼
                          (unknown) ◄──────────────────── inactive
                                         after 15 minutes, or when found again (then pending)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from narthex.errors import RuleError
from narthex.model.labels import Labels

__all__ = [
    "RESOLVED_RETENTION",
    "ActiveAlert",
    "Alerts",
    "Found",
    "LimitExceededError",
    "State",
    "Timing",
    "advance",
    "due",
]

RESOLVED_RETENTION = 15 * 60_000
"""How long a resolved alert is remembered and sent again, so that the receiver surely hears of it."""


class State(StrEnum):
    """The state of an alert, as the API and the series ``ALERTS`` name it."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class LimitExceededError(RuleError):
    """More alerts than the group allows: every alert of the rule is forgotten."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What a rule says about time and number; a limit of zero or less is none."""

    hold: int = 0
    keep_firing_for: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """One element of the expression's result, with labels and annotations expanded."""

    labels: Labels
    annotations: Labels
    value: float


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert of a rule. A time that is None has not come."""

    labels: Labels
    annotations: Labels
    value: float
    state: State
    active_at: int
    fired_at: int | None = None
    resolved_at: int | None = None
    keep_firing_since: int | None = None
    last_sent_at: int | None = None


Alerts = Mapping[Labels, ActiveAlert]
"""The alerts of one rule, by their labels."""


def advance(alerts: Alerts, found: Sequence[Found], now: int, timing: Timing) -> dict[Labels, ActiveAlert]:
    """The alerts after an evaluation at ``now``.

    Raises ``RuleError`` when two elements have the same labels, and ``LimitExceededError`` beyond the limit; the caller
    keeps the old alerts after the first and drops all after the second.
    """
    by_labels = {one.labels: one for one in found}
    if len(by_labels) != len(found):
        raise RuleError("vector contains metrics with the same labelset after applying alert labels")
    after: dict[Labels, ActiveAlert] = {}
    for labels, alert in alerts.items():
        element = by_labels.pop(labels, None)
        moved = _absent(alert, now, timing) if element is None else _present(alert, element, now)
        if moved is not None:
            after[labels] = _timed(moved, now, timing)
    for labels, element in by_labels.items():
        after[labels] = _timed(_new(element, now), now, timing)
    count = sum(alert.state is not State.INACTIVE for alert in after.values())
    if 0 < timing.limit < count:
        raise LimitExceededError(f"exceeded limit of {timing.limit} with {count} alerts")
    return after


def _new(element: Found, now: int) -> ActiveAlert:
    return ActiveAlert(element.labels, element.annotations, element.value, State.PENDING, now)


def _present(alert: ActiveAlert, element: Found, now: int) -> ActiveAlert:
    if alert.state is State.INACTIVE:
        return _new(element, now)
    return replace(alert, value=element.value, annotations=element.annotations, keep_firing_since=None)


def _absent(alert: ActiveAlert, now: int, timing: Timing) -> ActiveAlert | None:
    """An alert that was not found: dropped, kept firing, or resolved."""
    if alert.state is State.PENDING:
        return None
    if alert.state is State.INACTIVE:
        assert alert.resolved_at is not None  # set by what made it inactive
        return alert if now - alert.resolved_at <= RESOLVED_RETENTION else None
    since = now if alert.keep_firing_since is None else alert.keep_firing_since
    if now - since < timing.keep_firing_for:
        return replace(alert, keep_firing_since=since)
    return replace(alert, state=State.INACTIVE, resolved_at=now)


def _timed(alert: ActiveAlert, now: int, timing: Timing) -> ActiveAlert:
    """Pending to firing after ``for``; and back, without a word to anyone, when a reload made ``for`` longer."""
    old_enough = now - alert.active_at >= timing.hold
    if alert.state is State.PENDING and old_enough:
        return replace(alert, state=State.FIRING, fired_at=now)
    if alert.state is State.FIRING and not old_enough:
        return replace(alert, state=State.PENDING, fired_at=None, last_sent_at=None, keep_firing_since=None)
    return alert


def due(alerts: Alerts, now: int, resend_delay: int) -> list[ActiveAlert]:
    """The alerts to send at ``now``: firing or resolved, and not heard of since, or not for ``resend_delay``."""
    return [replace(one, last_sent_at=now) for one in alerts.values() if _is_due(one, now, resend_delay)]


def _is_due(alert: ActiveAlert, now: int, resend_delay: int) -> bool:
    if alert.state is State.PENDING:
        return False
    if alert.last_sent_at is None or (alert.resolved_at is not None and alert.resolved_at > alert.last_sent_at):
        return True
    return alert.last_sent_at + resend_delay < now
