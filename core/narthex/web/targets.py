"""Targets, their metadata and discoverers, in the shape of Prometheus's API where it has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from narthex.config.durations import format_duration
from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus
from narthex.model.metadata import FamilyMetadata
from narthex.scrape.status import PoolStatus, TargetStatus
from narthex.storage.protocol import KnowsMetadata
from narthex.web.envelope import ApiError, success
from narthex.web.params import matcher_sets, number
from narthex.web.times import rfc3339
from narthex.web.view import ServerView

__all__ = ["TargetRoutes"]

_SHOWN = 100
"""Parts of one discoverer that are shown in trouble: enough to see what is wrong."""


class TargetRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def targets(self, request: web.Request) -> web.StreamResponse:
        """Active and dropped targets."""
        state = request.query.get("state", "").lower()
        wanted = request.query.get("scrapePool", "")
        pools = [pool for name, pool in sorted(self._view.pools().items()) if not wanted or name == wanted]
        data: dict[str, Any] = {"activeTargets": [], "droppedTargets": []}
        if state in {"", "any", "active"}:
            data["activeTargets"] = [_active(pool, one) for pool in pools for one in pool.targets]
        if state in {"", "any", "dropped"}:
            data["droppedTargets"] = [
                {"discoveredLabels": dict(one.discovered), "scrapePool": pool.job}
                for pool in pools
                for one in pool.dropped
            ]
            data["droppedTargetCounts"] = {pool.job: pool.dropped_count for pool in pools}
        return success(data)

    async def scrape_pools(self, _request: web.Request) -> web.StreamResponse:
        """Names of the scrape pools."""
        return success({"scrapePools": sorted(self._view.pools())})

    async def target_metadata(self, request: web.Request) -> web.StreamResponse:
        """Metadata of metric families by target."""
        count = number(request.query, "limit")
        wanted = request.query.get("metric", "")
        sets = matcher_sets(request.query, "match_target")
        found: list[dict[str, Any]] = []
        for target in self._targets():
            labels = target.target.public
            if sets and not all(one.matches(labels.get_or_empty(one.name)) for one in sets[0]):
                continue
            families = target.metadata or {}
            for name in [wanted] if wanted else families:
                if name in families:
                    entry = {"target": dict(labels), **_metadata(families[name])}
                    found.append(entry if wanted else entry | {"metric": name})
        return success(found[:count] if count else found)

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        """Metadata of metric families, what several targets say alike only once.

        Where no active target tells of a family, what the storage keeps of others is answered.
        """
        metrics, each = number(request.query, "limit"), number(request.query, "limit_per_metric")
        wanted = request.query.get("metric", "")
        found: dict[str, dict[FamilyMetadata, None]] = {}
        for target in self._targets():
            for name, family in (target.metadata or {}).items():
                if not wanted or name == wanted:
                    found.setdefault(name, {})[family] = None
        storage = self._view.storage
        if isinstance(storage, KnowsMetadata):
            for name, families in storage.metadata(wanted).items():
                found.setdefault(name, dict.fromkeys(families))
        names = list(found)[:metrics] if metrics else list(found)
        return success({name: [_metadata(one) for one in list(found[name])[: each or None]] for name in names})

    async def discovery(self, _request: web.Request) -> web.StreamResponse:
        """Every running discoverer: whose it is, how it fares, when it last published; and what is held or restored."""
        return success(
            {
                "held": [_held(one) for one in self._view.held_updates()],
                "restored": [_restored(one, self._view.clock.now()) for one in self._view.restored_groups()],
                "discoverers": [_discoverer(one) for one in self._view.discoverers()],
            }
        )

    async def accept_updates(self, request: web.Request) -> web.StreamResponse:
        """Put the held updates of a job in force."""
        job = request.match_info["job"]
        try:
            return success({"accepted": self._view.accept_updates(job)})
        except KeyError:
            raise ApiError("not_found", f"unknown job {job!r}") from None

    def _targets(self) -> Iterator[TargetStatus]:
        for _, pool in sorted(self._view.pools().items()):
            yield from pool.targets


def _active(pool: PoolStatus, one: TargetStatus) -> dict[str, Any]:
    target = one.target
    return {
        "discoveredLabels": dict(target.discovered),
        "labels": dict(target.public),
        "scrapePool": pool.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": one.last_error,
        "lastScrape": rfc3339(one.last_scrape / 1000),
        "lastScrapeDuration": one.last_duration,
        "health": one.health,
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
    }


def _held(one: HeldUpdate) -> dict[str, Any]:
    return {
        "job": one.job,
        "provider": one.provider,
        "kind": one.kind,
        "reason": one.reason,
        "since": rfc3339(one.since),
        "until": rfc3339(one.until or 0),
        "targetsBefore": one.before,
        "targetsOffered": one.offered,
        "targetsKept": one.kept,
    }


def _restored(one: RestoredGroups, now: float) -> dict[str, Any]:
    return {
        "job": one.job,
        "provider": one.provider,
        "kind": one.kind,
        "confirmed": rfc3339(one.confirmed),
        "ageSeconds": round(max(0.0, now - one.confirmed), 3),
        "targets": one.targets,
    }


def _discoverer(one: DiscovererStatus) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "kind": one.kind,
        "jobs": list(one.jobs),
        "plugin": str(one.origin) if one.origin else "",
        "state": one.state.value,
        "lastError": one.last_error,
        "lastSuccess": rfc3339(one.last_success or 0),
        "restarts": one.restarts,
        "failures": one.failures,
        "groups": one.groups,
        "targets": one.targets,
        "skippedEntries": one.skipped,
        "troubles": [{"part": part, "reason": reason} for part, reason in one.troubles[:_SHOWN]],
        "troublesCount": len(one.troubles),
    }


def _metadata(family: FamilyMetadata) -> dict[str, str]:
    return {"type": family.type, "help": family.help, "unit": family.unit}
