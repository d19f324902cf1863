"""The scraper's own metrics, named as Prometheus names them (reference §4.8): one set for a server.

No metric has a label for each target: ten thousand of them would cost more than the scrapes.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from narthex.scrape.plan import Counts
from narthex.scrape.tally import Tallies, Tally
from narthex.storage.protocol import Appended

__all__ = ["ScrapeMetrics"]

_BUCKETS = (0.01, 0.1, 1, 10)


class ScrapeMetrics:
    """Counts and durations over all pools. Labels: ``scrape_job``, or ``interval`` as configured."""

    def __init__(self, registry: CollectorRegistry) -> None:
        job, interval = ("scrape_job",), ("interval",)

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"prometheus_target_{name}", text, labels, registry=registry)

        self.pools = counter("scrape_pools", "Scrape pools that were made.")
        self.pools_failed = counter("scrape_pools_failed", "Scrape pools that could not be made.")
        self.reloads = counter("scrape_pool_reloads", "Reloads of scrape pools.")
        self.reloads_failed = counter("scrape_pool_reloads_failed", "Reloads of scrape pools that failed.")
        self.exceeded_target_limit = counter("scrape_pool_exceeded_target_limit", "Target sets beyond target_limit.")
        self.exceeded_label_limits = counter(
            "scrape_pool_exceeded_label_limits", "Scrapes that failed because a series broke a label limit."
        )
        self.syncs = counter("scrape_pool_sync", "Target sets taken over.", job)
        self.sync_failed = counter("sync_failed", "Targets that could not be made.", job)
        self.exceeded_samples = counter("scrapes_exceeded_sample_limit", "Scrapes that broke sample_limit.")
        self.exceeded_body = counter("scrapes_exceeded_body_size_limit", "Scrapes that broke body_size_limit.")
        self.exceeded_buckets = counter(
            "scrapes_exceeded_native_histogram_bucket_limit", "Scrapes that broke native_histogram_bucket_limit."
        )
        self.duplicates = counter(
            "scrapes_sample_duplicate_timestamp", "Samples refused: another value at the same time."
        )
        self.out_of_order = counter("scrapes_sample_out_of_order", "Samples refused: older than the series' last.")
        self.out_of_bounds = counter("scrapes_sample_out_of_bounds", "Samples refused: too old or in the future.")
        self.exemplars_out_of_order = counter("scrapes_exemplar_out_of_order", "Exemplars refused.")
        self.histograms_invalid = Counter(
            "narthex_scrapes_histogram_invalid",
            "Native histograms refused: they contradict themselves.",
            registry=registry,
        )
        self.cache_flushes = counter("scrapes_cache_flush_forced", "Series caches thrown away for their size.")
        self.targets = Gauge("prometheus_target_scrape_pool_targets", "Active targets.", job, registry=registry)
        self.target_limit = Gauge("prometheus_target_scrape_pool_target_limit", "target_limit.", job, registry=registry)
        self.symbols = Gauge(
            "prometheus_target_scrape_pool_symboltable_items", "Symbols of a pool; none here.", job, registry=registry
        )
        self._intervals = Tallies(
            "prometheus_target_interval_length_histogram_seconds",
            "Time between scrapes.",
            (0.01, 0.1, 1, 10, 15, 30, 60, 120),
            label="interval",
            summary="prometheus_target_interval_length_seconds",
        )
        durations = Tallies("prometheus_target_scrape_duration_seconds", "Duration of scrapes.", _BUCKETS)
        self.duration = durations.of()
        for tallies in (self._intervals, durations):
            registry.register(tallies)
        self.sync_length = Summary(
            "prometheus_target_sync_length_seconds", "Time to take a target set over.", job, registry=registry
        )
        self.sync_histogram = Histogram(
            "prometheus_target_sync_length_histogram_seconds",
            "Time to take a target set over.",
            job,
            buckets=_BUCKETS,
            registry=registry,
        )
        self.reload_length = Summary(
            "prometheus_target_reload_length_seconds", "Time to reload a pool.", interval, registry=registry
        )

    def intervals(self, milliseconds: int) -> Tally:
        """Where loops of this interval note the time between two scrapes."""
        return self._intervals.of(f"{milliseconds / 1000:g}s")

    def refused(self, counts: Counts, appended: Appended) -> None:
        """Count what a scrape gave and the storage did not take; usually nothing."""
        duplicates = counts.duplicates + appended.duplicate
        if duplicates:
            self.duplicates.inc(duplicates)
        if appended.out_of_order:
            self.out_of_order.inc(appended.out_of_order)
        outside = counts.out_of_bounds + appended.out_of_bounds + appended.too_old
        if outside:
            self.out_of_bounds.inc(outside)
        if counts.exemplars_refused:
            self.exemplars_out_of_order.inc(counts.exemplars_refused)
        if counts.histograms_refused:
            self.histograms_invalid.inc(counts.histograms_refused)
