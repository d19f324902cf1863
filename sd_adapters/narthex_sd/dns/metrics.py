"""What DNS discovery counts, under Prometheus's names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

__all__ = ["DnsMetrics"]


class DnsMetrics:
    """One set for a registry; all DNS discoverers count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter("prometheus_sd_dns_lookups", "Names looked up.", registry=registry)
        self.failures = Counter("prometheus_sd_dns_lookup_failures", "Lookups without an answer.", registry=registry)
