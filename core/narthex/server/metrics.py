"""Metrics of the server as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge

import narthex
from narthex.server.quarantine import JobInQuarantine

__all__ = ["ServerMetrics"]


class ServerMetrics:
    """State of the configuration, and what runs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._successful = Gauge(
            "prometheus_config_last_reload_successful",
            "Whether the last configuration reload attempt was successful.",
            registry=registry,
        )
        self._success_time = Gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "Timestamp of the last successful configuration reload.",
            registry=registry,
        )
        self._quarantined_jobs = Gauge(
            "narthex_config_quarantined_jobs", "Jobs whose newest configuration is not in force.", registry=registry
        )
        self._quarantined = Gauge(
            "narthex_config_quarantined_job",
            "1 for each job in quarantine; what runs instead: previous or nothing.",
            ("scrape_job", "running"),
            registry=registry,
        )
        build = Gauge("narthex_build_info", "1, labelled by version.", ("version",), registry=registry)
        build.labels(narthex.__version__).set(1)

    def reloaded(self, now: float, *, ok: bool) -> None:
        """Note the outcome of a (re)load."""
        self._successful.set(ok)
        if ok:
            self._success_time.set(now)

    def quarantined(self, jobs: Sequence[JobInQuarantine]) -> None:
        """Show these jobs as quarantined, and no others."""
        self._quarantined_jobs.set(len(jobs))
        self._quarantined.clear()
        for one in jobs:
            self._quarantined.labels(one.job, one.running).set(1)
