"""``/api/v1/status/*``: configuration, flags, build, run time, storage and plugins."""

from __future__ import annotations

import asyncio
import platform
import sys
import threading
from collections.abc import Sequence

from aiohttp import web

import narthex
from narthex.web.envelope import success
from narthex.web.params import BadParameterError, limit
from narthex.web.times import rfc3339
from narthex.web.view import ServerView

__all__ = ["API_LEVEL", "StatusRoutes"]

API_LEVEL = "3.0.0"
"""The version of Prometheus whose API this is. Grafana, told 0.1, would leave out ``match[]`` from label queries."""


class StatusRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def config(self, _request: web.Request) -> web.StreamResponse:
        """The configuration in force as YAML, secrets masked."""
        return success({"yaml": self._view.config_yaml()})

    async def flags(self, _request: web.Request) -> web.StreamResponse:
        """Command line flags."""
        return success(dict(self._view.flags()))

    async def buildinfo(self, _request: web.Request) -> web.StreamResponse:
        """What is running. Clients compare ``version`` with Prometheus's to learn what they may ask."""
        return success(
            {
                "version": API_LEVEL,
                "narthexVersion": narthex.__version__,
                "revision": "",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
                "application": "Narthex",
                "pythonVersion": platform.python_version(),
            }
        )

    async def runtimeinfo(self, _request: web.Request) -> web.StreamResponse:
        """How it is running."""
        info = self._view.runtime()
        return success(
            {
                "startTime": rfc3339(info.started),
                "CWD": info.working_directory,
                "hostname": platform.node(),
                "serverTime": rfc3339(self._view.clock.now()),
                "reloadConfigSuccess": info.reload_ok,
                "reloadConfigError": info.reload_error,
                "lastConfigTime": rfc3339(info.reload_time),
                "corruptionCount": int(info.extra.get("corruptions", 0)),
                "goroutineCount": len(asyncio.all_tasks()),
                "threadCount": threading.active_count(),
                "GOMAXPROCS": 0,
                "GOMEMLIMIT": 0,
                "GOGC": "",
                "GODEBUG": "",
                "pythonSwitchInterval": sys.getswitchinterval(),
                "storageRetention": info.retention,
            }
        )

    async def tsdb(self, request: web.Request) -> web.StreamResponse:
        """Counts of the storage, top lists cut to ``limit`` (10)."""
        count = limit(request.query) or 10
        if count > 10_000:
            raise BadParameterError("limit", "limit must not exceed 10000")
        loop = asyncio.get_running_loop()
        stats = await loop.run_in_executor(self._view.query_executor, self._view.storage.stats, count)
        return success(
            {
                "headStats": {
                    "numSeries": stats.series,
                    "numLabelPairs": stats.label_pairs,
                    "chunkCount": stats.chunks,
                    "minTime": stats.min_time,
                    "maxTime": stats.max_time,
                },
                "seriesCountByMetricName": _pairs(stats.series_by_metric),
                "labelValueCountByLabelName": _pairs(stats.values_by_label),
                "memoryInBytesByLabelName": _pairs(stats.bytes_by_label),
                "seriesCountByLabelValuePair": _pairs(stats.series_by_pair),
            }
        )

    async def quarantine(self, _request: web.Request) -> web.StreamResponse:
        """Jobs whose newest configuration is not in force, and what runs in their place."""
        jobs = [
            {"job": one.job, "problems": list(one.problems), "running": one.running, "since": rfc3339(one.since)}
            for one in self._view.quarantined()
        ]
        return success({"quarantinedJobs": jobs})

    async def plugins(self, _request: web.Request) -> web.StreamResponse:
        """Every plugin with its distribution, what it contributes, and what went wrong with it."""
        return success({"plugins": list(self._view.plugins())})


def _pairs(found: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"name": name, "value": value} for name, value in found]
