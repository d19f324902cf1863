"""Rules, alerts and Alertmanagers in the shape of Prometheus's API."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from narthex.model.matcher import Matcher
from narthex.model.number import format_value
from narthex.rules.status import AlertStatus, GroupStatus, RuleStatus
from narthex.web.envelope import ApiError, success
from narthex.web.params import BadParameterError, boolean, form, limit, matcher_sets
from narthex.web.times import rfc3339
from narthex.web.view import ServerView

__all__ = ["AlertRoutes"]

_TYPES = {"": None, "alert": "alerting", "record": "recording"}


class AlertRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def rules(self, request: web.Request) -> web.StreamResponse:
        """Rule groups, filtered and, with ``group_limit``, a page at a time."""
        fields = await form(request)
        kind = fields.get("type", "").lower()
        if kind not in _TYPES:
            raise BadParameterError("type", f'not supported value "{kind}"')
        exclude = boolean(fields, "exclude_alerts")
        groups = _filtered(self._view.rule_groups(), fields, _TYPES[kind])
        page, token = _page(groups, _group_limit(fields), fields.get("group_next_token", ""))
        data: dict[str, Any] = {"groups": [_group(group, alerts=not exclude) for group in page]}
        if token:
            data["groupNextToken"] = token
        return success(data)

    async def alerts(self, _request: web.Request) -> web.StreamResponse:
        """Every pending or firing alert."""
        rules = [rule for group in self._view.rule_groups() for rule in group.rules]
        return success({"alerts": [_alert(alert) for rule in rules for alert in rule.alerts]})

    async def alertmanagers(self, _request: web.Request) -> web.StreamResponse:
        """Discovered Alertmanagers, and those that relabeling dropped."""
        active, dropped = self._view.alertmanagers()
        return success(
            {
                "activeAlertmanagers": [{"url": url} for url in active],
                "droppedAlertmanagers": [{"url": url} for url in dropped],
            }
        )


def _filtered(groups: Sequence[GroupStatus], fields: MultiMapping[str], kind: str | None) -> list[GroupStatus]:
    """Groups with the rules that were asked for; a filter that empties a group removes it."""
    names = fields.getall("rule_name[]", [])
    group_names = fields.getall("rule_group[]", [])
    files = fields.getall("file[]", [])
    matchers = matcher_sets(fields, named=False)
    found = []
    for group in groups:
        if (group_names and group.name not in group_names) or (files and group.file not in files):
            continue
        rules = tuple(rule for rule in group.rules if _wanted(rule, names, kind, matchers))
        if rules or not (names or kind or matchers):
            found.append(replace(group, rules=rules))
    return found


def _wanted(rule: RuleStatus, names: Collection[str], kind: str | None, matchers: Sequence[Sequence[Matcher]]) -> bool:
    if (names and rule.name not in names) or (kind and rule.kind != kind):
        return False
    # As configured: a label that a template computes matches by the template's text, as in Prometheus.
    return not matchers or any(all(one.matches(rule.labels.get(one.name, "")) for one in many) for many in matchers)


def _group_limit(fields: Mapping[str, str]) -> int:
    """How many groups a page has, 0 where all are wanted at once."""
    size = limit(fields, "group_limit")
    if fields.get("group_limit", "") and not size:
        raise BadParameterError("group_limit", "group_limit needs to be greater than 0")
    return size


def _page(groups: Sequence[GroupStatus], size: int, token: str) -> tuple[Sequence[GroupStatus], str]:
    """At most ``size`` groups from the one that ``token`` names, and the token of the next."""
    if token and not size:
        raise BadParameterError("group_limit", "group_limit needs to be set in order to paginate over the groups")
    start = 0
    if token:
        known = [_token(group) for group in groups]
        if token not in known:
            raise ApiError("bad_data", f"invalid group_next_token '{token}'. were rule groups changed?")
        start = known.index(token)
    if not size or start + size >= len(groups):
        return groups[start:], ""
    return groups[start : start + size], _token(groups[start + size])


def _token(group: GroupStatus) -> str:
    return hashlib.sha256(f"{group.file};{group.name}".encode()).hexdigest()


def _group(group: GroupStatus, *, alerts: bool) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule(rule, alerts=alerts) for rule in group.rules],
        "interval": group.interval,
        "limit": group.limit,
        "evaluationTime": group.evaluation_time,
        "lastEvaluation": rfc3339(group.last_evaluation),
    }


def _rule(rule: RuleStatus, *, alerts: bool) -> dict[str, Any]:
    common: dict[str, Any] = {
        "name": rule.name,
        "query": rule.query,
        "labels": dict(rule.labels),
        "health": rule.health,
        "evaluationTime": rule.evaluation_time,
        "lastEvaluation": rfc3339(rule.last_evaluation),
        "type": rule.kind,
    }
    if rule.last_error:
        common["lastError"] = rule.last_error
    if rule.kind == "recording":
        return common
    return common | {
        "state": rule.state,
        "duration": rule.duration,
        "keepFiringFor": rule.keep_firing_for,
        "annotations": dict(rule.annotations),
        "alerts": [_alert(alert) for alert in rule.alerts] if alerts else [],
    }


def _alert(alert: AlertStatus) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": rfc3339(alert.active_at),
        "value": _exponential(alert.value),
    }
    if alert.keep_firing_since is not None:
        fields["keepFiringSince"] = rfc3339(alert.keep_firing_since)
    return fields


def _exponential(value: float) -> str:
    """Go's ``%e`` with the shortest digits, which the API uses for the value of an alert: ``1e+00``."""
    if not math.isfinite(value):
        return format_value(value)
    digits = repr(abs(value)).replace(".", "").split("e")[0].strip("0")
    return f"{value:.{max(0, len(digits) - 1)}e}"
