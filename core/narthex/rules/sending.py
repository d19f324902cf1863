"""From the state of an alert to what Alertmanagers and receivers are told (reference §5.5)."""

from __future__ import annotations

from narthex.gotemplate.functions import table_link
from narthex.model.alert import Alert
from narthex.rules.alerting import ActiveAlert

__all__ = ["outgoing"]


def outgoing(alert: ActiveAlert, now: int, patience: int, external_url: str, expression: str) -> Alert:
    """The alert as it is sent at ``now`` (ms).

    A firing alert ends, unless it is sent again, after four times ``patience`` (ms): the longer of the group's interval
    and the resend delay. So three sendings may be lost before the receiver takes it for resolved. It starts when it
    fired, not when it was first seen.
    """
    ends = alert.resolved_at if alert.resolved_at is not None else now + 4 * patience
    starts = alert.fired_at if alert.fired_at is not None else alert.active_at
    url = external_url.rstrip("/") + table_link(expression)
    return Alert(alert.labels, alert.annotations, starts / 1000, ends / 1000, url)
