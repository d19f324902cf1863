"""What Consul discovery counts, under Prometheus's names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Summary

__all__ = ["ConsulMetrics"]


class ConsulMetrics:
    """One set for a registry; all Consul discoverers count together.

    The call of a service is in truth one to the health endpoint; its labels are those that dashboards know.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter("prometheus_sd_consul_rpc_failures", "Calls to Consul that failed.", registry=registry)
        duration = Summary(
            "prometheus_sd_consul_rpc_duration_seconds",
            "How long calls to Consul took, the time for which Consul held them included.",
            ("endpoint", "call"),
            registry=registry,
        )
        self.services = duration.labels("catalog", "services")
        self.service = duration.labels("catalog", "service")
