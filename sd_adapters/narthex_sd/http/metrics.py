"""What HTTP discovery counts, under Prometheus's name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

__all__ = ["HttpMetrics"]


class HttpMetrics:
    """One set for a registry; all HTTP discoverers count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_http_failures", "Refreshes of HTTP discovery that failed.", registry=registry
        )
