"""A scrape config: what to find, how to fetch it, what to keep; and the discovery blocks it shares with alerting.

In the file 0 (or nothing) means "as in ``global``". The configs in :class:`narthex.config.sections.Config` are
effective: the loader has filled the global values in, so nobody else has to know about that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from narthex.config.http import HttpConfig
from narthex.config.relabel import RelabelConfig
from narthex.config.safety import JobDiscoverySafety
from narthex.config.types import Count, Duration, FilePath, Size, inline, later, open_keys

__all__ = ["DiscoveryConfig", "EscapingScheme", "JobNarthexConfig", "Scheme", "ScrapeConfig", "ValidationScheme"]

Scheme = Literal["http", "https"]
ValidationScheme = Literal["utf8", "legacy"]
EscapingScheme = Literal["allow-utf-8", "underscores", "dots", "values"]


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """One discovery block: ``config`` is the kind's own dataclass; a tuple of them for a kind that merges (static)."""

    kind: str
    config: Any

    @property
    def key(self) -> str:
        """The key it stands under in the file."""
        return discovery_key(self.kind)


def discovery_key(kind: str) -> str:
    """``static`` stands under ``static_configs``, every other kind under ``<kind>_sd_configs``."""
    return "static_configs" if kind == "static" else f"{kind}_sd_configs"


@dataclass(frozen=True, slots=True)
class JobNarthexConfig:
    """Narthex's own settings of one job."""

    discovery: JobDiscoverySafety = field(default_factory=JobDiscoverySafety)


@dataclass(frozen=True, slots=True)
class ScrapeConfig:
    """A job. What is left out, or 0, is taken from ``global``; the timeout is at most the interval.

    So a job cannot take a global limit off. ``params`` are sent with every request: a name and its values.
    """

    job_name: str
    scrape_interval: Duration = Duration(0)
    scrape_timeout: Duration = Duration(0)
    scrape_protocols: tuple[str, ...] | None = None
    fallback_scrape_protocol: str | None = None
    scrape_native_histograms: bool | None = None
    always_scrape_classic_histograms: bool | None = None
    convert_classic_histograms_to_nhcb: bool | None = None
    extra_scrape_metrics: bool | None = None
    metrics_path: str = "/metrics"
    scheme: Scheme = "http"
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    enable_compression: bool = True
    scrape_failure_log_file: FilePath | None = field(default=None, metadata=later("scrape failure logs"))
    body_size_limit: Size = Size(0)
    sample_limit: Count = Count(0)
    label_limit: Count = Count(0)
    label_name_length_limit: Count = Count(0)
    label_value_length_limit: Count = Count(0)
    target_limit: Count = Count(0)
    keep_dropped_targets: Count = Count(0)
    native_histogram_bucket_limit: Count = Count(0)
    native_histogram_min_bucket_factor: float = 0.0
    metric_name_validation_scheme: ValidationScheme | None = None
    metric_name_escaping_scheme: EscapingScheme | None = None
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())
    discovery: tuple[DiscoveryConfig, ...] = field(default=(), metadata=open_keys("discovery"))
    relabel_configs: tuple[RelabelConfig, ...] = ()
    metric_relabel_configs: tuple[RelabelConfig, ...] = ()
    narthex: JobNarthexConfig = field(default_factory=JobNarthexConfig)

    def check(self) -> Iterator[tuple[str, str]]:
        """What concerns this job alone; the rest needs the global section and is the loader's."""
        if not self.job_name:
            yield "job_name", "job_name must not be empty"
        if self.scrape_protocols is not None and not self.scrape_protocols:
            yield "scrape_protocols", "scrape_protocols must not be empty: leave it out for the default"
