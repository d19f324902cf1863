"""Alert relabeling that cannot lose an alert to a broken rule.

A relabel action may be a plugin's. When it raises, the alert goes on with the labels it had before: an alert with one
label too many is better than a page that never comes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from narthex.model.alert import Alert
from narthex.relabel.rules import Rules

__all__ = ["AlertRelabeling"]

log = logging.getLogger(__name__)


class AlertRelabeling:
    """``rules`` over alerts; ``where`` names them in the log. A failure is logged when it is another than before."""

    def __init__(self, rules: Rules, where: str) -> None:
        self._rules = rules
        self._where = where
        self._failure = ""

    def apply(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        """The alerts under their new labels, without those that a rule drops."""
        if not self._rules:
            return alerts
        failure, kept = "", []
        for alert in alerts:
            try:
                labels = self._rules.apply(alert.labels.to_dict())
            except (Exception, SystemExit) as error:  # noqa: BLE001 -- a plugin's code: the alert must go on
                failure = f"{type(error).__name__}: {error}"
                kept.append(alert)
                continue
            if labels is not None:
                kept.append(alert.with_labels(labels))
        self._tell(failure)
        return kept

    def _tell(self, failure: str) -> None:
        if failure and failure != self._failure:
            log.error("Alert relabeling fails; alerts go on without it", extra={"rules": self._where, "err": failure})
        elif self._failure and not failure:
            log.info("Alert relabeling works again", extra={"rules": self._where})
        self._failure = failure
