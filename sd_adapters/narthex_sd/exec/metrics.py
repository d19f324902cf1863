"""What program discovery counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

__all__ = ["ExecMetrics"]


class ExecMetrics:
    """One set for a registry; all programs count together. Prometheus has no such mechanism, so no names for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.starts = Counter("narthex_sd_exec_starts", "Programs started.", registry=registry)
        self.failures = Counter(
            "narthex_sd_exec_failures", "Programs whose run or output could not be used.", registry=registry
        )
        self.stderr_lines = Counter(
            "narthex_sd_exec_stderr_lines", "Lines that programs wrote to standard error.", registry=registry
        )
