"""Settings that hold for all rule groups; they come from the configuration file and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.model.labels import EMPTY, Labels

__all__ = ["RuleOptions"]


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """Times are milliseconds.

    ``evaluation_interval`` and ``query_offset`` serve groups that set none. A restart that took longer than
    ``for_outage_tolerance`` loses the time that alerts were pending; alerts whose ``for`` is shorter than
    ``for_grace_period`` always start anew. A firing alert is sent again after ``resend_delay``.
    """

    evaluation_interval: int = 60_000
    query_offset: int = 0
    external_labels: Labels = EMPTY
    external_url: str = ""
    for_outage_tolerance: int = 3_600_000
    for_grace_period: int = 600_000
    resend_delay: int = 60_000
