"""Discovery's own metrics: Prometheus's names where the meaning is the same, ``narthex_*`` for what it lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

if TYPE_CHECKING:
    from narthex.discovery.gate import HeldUpdate, RestoredGroups

__all__ = ["DiscoveryMetrics", "RefreshMetrics", "shared"]

T = TypeVar("T")

_SHARED: WeakKeyDictionary[CollectorRegistry, dict[Callable[[CollectorRegistry], Any], Any]] = WeakKeyDictionary()


def shared(factory: Callable[[CollectorRegistry], T], registry: CollectorRegistry) -> T:
    """The registry's one instance of a set of metrics, made on first use.

    A registry refuses a second collector of the same name and has no public look-up, while several discoverers of a
    kind count together; so what was made for a registry is remembered for as long as the registry lives.
    """
    made = _SHARED.setdefault(registry, {})
    if factory not in made:
        made[factory] = factory(registry)
    instance: T = made[factory]
    return instance


class DiscoveryMetrics:
    """What supervisors count; label ``name`` tells them apart (``scrape``, ``notify``)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, ("name", *labels), registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, ("name", *labels), registry=registry)

        whose = ("provider", "kind", "plugin", "distribution")
        self.targets = gauge("prometheus_sd_discovered_targets", "Current number of discovered targets.", "config")
        self.failed = gauge("prometheus_sd_failed_configs", "Current number of discovery blocks that failed to load.")
        self.received = counter("prometheus_sd_received_updates", "Updates received from discoverers.")
        self.updates = counter("prometheus_sd_updates", "Updates handed on to the consumer.")
        self.delayed = counter(
            "prometheus_sd_updates_delayed", "Updates that had to wait, because changes keep coming."
        )
        self.last_update = gauge(
            "prometheus_sd_last_update_timestamp_seconds", "When a job's targets were last handed on.", "config"
        )
        self.up = gauge(
            "narthex_discovery_up", "Whether the discoverer runs, or has finished, without a failure.", *whose
        )
        self.held = gauge(
            "narthex_discovery_held", "Updates of discovery that are held, because they lack too much.", "job"
        )
        self.kept = gauge(
            "narthex_discovery_held_targets", "Targets that are in force only because an update is held.", "job"
        )
        self.restored = gauge(
            "narthex_discovery_restored_targets", "Targets in force that were read from disk after a start.", "job"
        )
        self.holds = counter("narthex_discovery_holds", "Updates of discovery that were held.", "job")
        self.skipped = counter(
            "narthex_discovery_skipped_entries", "Entries left out of updates, because they are bad.", *whose
        )
        self.failures = counter(
            "narthex_discovery_failures",
            "Failures of discoverers, by reason and by whose plugin it is.",
            *whose,
            "reason",
        )

    def show_limits(self, name: str, job: str, held: Sequence[HeldUpdate], restored: Sequence[RestoredGroups]) -> None:
        """What is held of a job's updates, and what of its targets comes from disk."""
        self.held.labels(name, job).set(len(held))
        self.kept.labels(name, job).set(sum(one.kept for one in held))
        self.restored.labels(name, job).set(sum(one.targets for one in restored))

    def forget(self, name: str, whose: tuple[str, ...], reasons: Iterable[str]) -> None:
        """Remove the series of a discoverer that is no more."""
        _remove(self.up, name, *whose)
        _remove(self.skipped, name, *whose)
        for reason in reasons:
            _remove(self.failures, name, *whose, reason)

    def forget_job(self, name: str, job: str) -> None:
        """Remove the series of a job that is no more."""
        for metric in (self.targets, self.last_update, self.held, self.kept, self.restored, self.holds):
            _remove(metric, name, job)


def _remove(metric: Gauge | Counter, *labels: str) -> None:
    with contextlib.suppress(KeyError):  # the series was never made
        metric.remove(*labels)


class RefreshMetrics:
    """What polling discoverers count (:mod:`narthex.discovery.refresh`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("mechanism", "config")
        self.failures = Counter("prometheus_sd_refresh_failures", "Refreshes that failed.", labels, registry=registry)
        self.duration = Summary(
            "prometheus_sd_refresh_duration_seconds", "How long refreshes took.", labels, registry=registry
        )
        self.histogram = Histogram(
            "prometheus_sd_refresh_duration_histogram_seconds",
            "How long refreshes took.",
            ("mechanism",),
            buckets=(0.01, 0.1, 1, 10),
            registry=registry,
        )
