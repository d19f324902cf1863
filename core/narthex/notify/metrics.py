"""The notifier's own metrics, named as Prometheus names them (reference §5.7)."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

__all__ = ["NotifyMetrics"]


class NotifyMetrics:
    """One set for a server; the label ``alertmanager`` is an Alertmanager's URL or ``receiver/<name>/<kind>``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._senders: Counts[str] = Counts()
        label = ("alertmanager",)
        self.latency = Summary(
            "prometheus_notifications_latency_seconds",
            "Latency of sending a batch of alerts, in seconds.",
            label,
            registry=registry,
        )
        self.errors = Counter(
            "prometheus_notifications_errors", "Alerts in batches that could not be sent.", label, registry=registry
        )
        self.sent = Counter("prometheus_notifications_sent", "Alerts sent.", label, registry=registry)
        self.dropped = Counter(
            "prometheus_notifications_dropped",
            "Alerts dropped: the queue was full, or sending failed.",
            label,
            registry=registry,
        )
        self.queue_length = Gauge(
            "prometheus_notifications_queue_length", "Alerts waiting to be sent.", label, registry=registry
        )
        self.queue_capacity = Gauge(
            "prometheus_notifications_queue_capacity", "Capacity of one alert queue.", registry=registry
        )
        self.discovered = Gauge(
            "prometheus_notifications_alertmanagers_discovered",
            "Alertmanagers discovered and active.",
            registry=registry,
        )

    def open(self, name: str) -> None:
        """A sender of this name begins. Two configuration blocks may send to one Alertmanager."""
        self._senders[name] += 1

    def close(self, name: str) -> None:
        """A sender of this name is gone; with the last one its series go, too."""
        self._senders[name] -= 1
        if not self._senders[name]:
            del self._senders[name]
            for metric in (self.latency, self.errors, self.sent, self.dropped, self.queue_length):
                metric.remove_by_labels({"alertmanager": name})
