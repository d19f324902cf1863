"""The storage's own metrics, under Prometheus's names where the meaning is the same (reference §7.6)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

__all__ = ["TsdbMetrics"]


class TsdbMetrics:
    """Created once for each storage, on the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"prometheus_tsdb_{name}", text, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"prometheus_tsdb_{name}", text, registry=registry)

        self.appended = counter("head_samples_appended", "Samples stored.")
        self.out_of_order = counter("out_of_order_samples", "Samples refused because they were older than the newest.")
        self.out_of_bounds = counter("out_of_bound_samples", "Samples refused because they were more than an hour old.")
        self.too_old = counter("too_old_samples", "Samples refused because they were older than the window.")
        self.wal_corruptions = counter("wal_corruptions", "Damaged places found in logs and files.")
        self.wal_writes_failed = counter("wal_writes_failed", "Writes or syncs of a log that failed.")
        self.compactions = counter("compactions", "Slabs and point runs sealed into files.")
        self.compactions_failed = counter("compactions_failed", "Attempts to seal that failed.")
        self.time_retentions = counter("time_retentions", "Files removed because they were past the retention time.")
        self.size_retentions = counter("size_retentions", "Blocks removed because all files together took too much.")
        self.series = gauge("head_series", "Series in the table.")
        self.chunks = gauge("head_chunks", "Columns of open slabs.")
        self.blocks = gauge("blocks_loaded", "Sealed files in use.")
        self.blocks_bytes = gauge("storage_blocks_bytes", "Bytes of sealed files.")
        self.min_time = gauge("head_min_time", "Oldest sample in open slabs, ms since the epoch.")
        self.max_time = gauge("head_max_time", "Newest sample, ms since the epoch.")
        self.lowest = gauge("lowest_timestamp", "Oldest sample of all, ms since the epoch.")
        self.retention_bytes = gauge("retention_limit_bytes", "Bytes that all files may take; 0: any.")
        self.retention = gauge("retention_limit_seconds", "How long samples are kept.")
        self.replay = gauge("data_replay_duration_seconds", "How long the last recovery took.")
        self.clean_start = gauge("clean_start", "-1: no lock, 0: the last stop was not clean, 1: it was.")
        self.unacknowledged = Gauge(
            "narthex_tsdb_unacknowledged_samples",
            "Samples that are appended and not on disk yet, with wal-fsync=always.",
            registry=registry,
        )
        self.fsync = Summary("prometheus_tsdb_wal_fsync_duration_seconds", "Duration of log syncs.", registry=registry)
