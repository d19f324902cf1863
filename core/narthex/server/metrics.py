"""Metrics of the server as a whole."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

import narthex

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
        build = Gauge("narthex_build_info", "1, labelled by version.", ("version",), registry=registry)
        build.labels(narthex.__version__).set(1)

    def reloaded(self, now: float, *, ok: bool) -> None:
        """Note the outcome of a (re)load."""
        self._successful.set(ok)
        if ok:
            self._success_time.set(now)
