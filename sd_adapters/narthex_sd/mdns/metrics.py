"""What mDNS discovery counts. Prometheus has no such mechanism, so the names are Narthex's own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

__all__ = ["MdnsMetrics"]


class MdnsMetrics:
    """One set for a registry; all mDNS discoverers count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.changes = Counter(
            "narthex_sd_mdns_changes",
            "Announcements (added), news about announced services (updated) and goodbyes (removed).",
            ("change",),
            registry=registry,
        )
        self.refused = Counter(
            "narthex_sd_mdns_refused", "Announcements of names that no service can have.", registry=registry
        )
