"""What file discovery counts, under Prometheus's names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

__all__ = ["FileMetrics"]


class FileMetrics:
    """One set for a registry; all file discoverers count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.read_errors = Counter(
            "prometheus_sd_file_read_errors", "Files that could not be read or were wrong.", registry=registry
        )
        self.watcher_errors = Counter(
            "prometheus_sd_file_watcher_errors", "Directories that could not be watched.", registry=registry
        )
        self.scan_duration = Summary(
            "prometheus_sd_file_scan_duration_seconds", "How long reading all files of a block took.", registry=registry
        )
        self.mtime = Gauge(
            "prometheus_sd_file_mtime_seconds",
            "When a file was last changed, as of its last read.",
            ("filename",),
            registry=registry,
        )
