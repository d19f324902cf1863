"""The sections of ``prometheus.yml`` besides the jobs, and the whole as one frozen value.

Fields with ``later(…)`` are the table of what this version recognises and refuses: a setting that would change nothing
must not look as if it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from narthex.config.http import HttpConfig
from narthex.config.quarantine import QuarantinedJob
from narthex.config.relabel import RelabelConfig
from narthex.config.safety import DiscoverySafety
from narthex.config.scrape import DiscoveryConfig, EscapingScheme, Scheme, ScrapeConfig, ValidationScheme
from narthex.config.types import (
    Count,
    Duration,
    FilePath,
    LabelName,
    Size,
    consumed,
    inline,
    internal,
    key,
    later,
    open_keys,
)

__all__ = [
    "AlertingConfig",
    "AlertmanagerConfig",
    "Config",
    "GlobalConfig",
    "NarthexConfig",
    "ReceiverConfig",
    "ReceiverKindConfig",
    "RetentionConfig",
    "RuntimeConfig",
    "StorageChoice",
    "StorageConfig",
    "TsdbSection",
]

Findings = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class GlobalConfig:
    """Defaults for every job, and the labels that this server adds to what leaves it.

    A ``scrape_timeout`` of 0, or none, is 10s, or the interval where that is shorter.
    """

    scrape_interval: Duration = Duration(60_000)
    scrape_timeout: Duration = Duration(0)
    scrape_protocols: tuple[str, ...] | None = None
    evaluation_interval: Duration = Duration(60_000)
    rule_query_offset: Duration = Duration(0)
    external_labels: Mapping[LabelName, str] = field(default_factory=dict)
    query_log_file: FilePath | None = field(default=None, metadata=later("query logs"))
    scrape_failure_log_file: FilePath | None = field(default=None, metadata=later("scrape failure logs"))
    body_size_limit: Size = Size(0)
    sample_limit: Count = Count(0)
    label_limit: Count = Count(0)
    label_name_length_limit: Count = Count(0)
    label_value_length_limit: Count = Count(0)
    target_limit: Count = Count(0)
    keep_dropped_targets: Count = Count(0)
    metric_name_validation_scheme: ValidationScheme = "utf8"
    metric_name_escaping_scheme: EscapingScheme | None = None
    scrape_native_histograms: bool = False
    convert_classic_histograms_to_nhcb: bool = False
    always_scrape_classic_histograms: bool = False
    extra_scrape_metrics: bool = False

    def check(self) -> Findings:
        """A scrape must end before the next one starts."""
        if self.scrape_timeout > (self.scrape_interval or 60_000):
            yield (
                "scrape_timeout",
                f"scrape_timeout {self.scrape_timeout} is longer than scrape_interval {self.scrape_interval}",
            )
        if self.scrape_protocols is not None and not self.scrape_protocols:
            yield "scrape_protocols", "scrape_protocols must not be empty: leave it out for the default"

    def completed(self) -> GlobalConfig:
        """0 means the default; the timeout is at most the interval."""
        interval = self.scrape_interval or Duration(60_000)
        return replace(
            self,
            scrape_interval=interval,
            scrape_timeout=self.scrape_timeout or min(Duration(10_000), interval),
            evaluation_interval=self.evaluation_interval or Duration(60_000),
        )


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """Settings of the Go runtime: accepted, without meaning here."""

    gogc: int = 75


@dataclass(frozen=True, slots=True)
class AlertmanagerConfig:
    """A set of Alertmanagers: how to find them and how to speak to them. ``timeout`` is milliseconds."""

    timeout: Duration = Duration(10_000)
    api_version: Literal["v2"] = "v2"
    path_prefix: str = "/"
    scheme: Scheme = "http"
    sigv4: Any = field(default=None, metadata=later("AWS request signing"))
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())
    discovery: tuple[DiscoveryConfig, ...] = field(default=(), metadata=open_keys("discovery"))
    relabel_configs: tuple[RelabelConfig, ...] = ()
    alert_relabel_configs: tuple[RelabelConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertingConfig:
    """Whom to tell, and how alerts are rewritten on the way."""

    alert_relabel_configs: tuple[RelabelConfig, ...] = ()
    alertmanagers: tuple[AlertmanagerConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """How long samples are kept, how many bytes of them, and how many per cent of the disk these may be, which wins.

    0 is no bound; where there is none at all, and where ``time`` is None and the flag is not given, time is 15d.
    """

    time: Duration | None = None
    size: Size = Size(0)
    percentage: float = 0.0

    def check(self) -> Findings:
        """Shares are per cent."""
        if not 0 <= self.percentage <= 100:
            yield "percentage", "must be in the range [0, 100]"


@dataclass(frozen=True, slots=True)
class ChunkEncodingConfig:
    """Encodings of Prometheus's own chunks; Narthex has others."""

    floats: Literal["xor", "xor2"] = field(default="xor", metadata=later("choosing a chunk encoding"))


@dataclass(frozen=True, slots=True)
class TsdbSection:
    """``storage.tsdb``: what Prometheus lets one set in the file rather than by flags."""

    out_of_order_time_window: Duration = Duration(0)
    stale_series_compaction_threshold: float = field(default=0.0, metadata=later("compaction of stale series"))
    chunk_encoding: ChunkEncodingConfig = field(default_factory=ChunkEncodingConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)


@dataclass(frozen=True, slots=True)
class ExemplarsConfig:
    """How many exemplars are kept in memory, with ``--enable-feature=exemplar-storage``; 0 or less keeps none."""

    max_exemplars: int = 100_000


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """``storage``: Prometheus's section. Which storage kind is used stands under ``narthex``."""

    tsdb: TsdbSection = field(default_factory=TsdbSection)
    exemplars: ExemplarsConfig = field(default_factory=ExemplarsConfig)


@dataclass(frozen=True, slots=True)
class ReceiverKindConfig:
    """One block of a receiver: ``config`` is the kind's own dataclass."""

    kind: str
    config: Any

    @property
    def key(self) -> str:
        """The key it stands under in the file."""
        return f"{self.kind}_configs"


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """A receiver of alerts that needs no Alertmanager."""

    name: str
    configs: tuple[ReceiverKindConfig, ...] = field(default=(), metadata=open_keys("receivers"))

    def check(self) -> Findings:
        """A receiver has a name."""
        if not self.name:
            yield "name", "the receiver's name must not be empty"


@dataclass(frozen=True, slots=True)
class StorageChoice:
    """The storage kind to use: ``config`` is the kind's own dataclass; None leaves it to its defaults."""

    kind: str = "tsdb"
    config: Any = None


@dataclass(frozen=True, slots=True)
class NarthexStorageConfig:
    """``narthex.storage``: one key, the name of the kind."""

    choice: StorageChoice = field(default_factory=StorageChoice, metadata=open_keys("storage"))


@dataclass(frozen=True, slots=True)
class NarthexConfig:
    """``narthex``: everything that Prometheus does not have.

    With ``quarantine`` a scrape config that is wrong by itself is left out, and said to be so, instead of refusing the
    whole file; a job of its name that runs already goes on as it was.
    """

    receivers: tuple[ReceiverConfig, ...] = ()
    storage_section: NarthexStorageConfig = field(default_factory=NarthexStorageConfig, metadata=key("storage"))
    discovery: DiscoverySafety = field(default_factory=DiscoverySafety)
    quarantine: bool = False

    @property
    def storage(self) -> StorageChoice:
        """The storage kind to use."""
        return self.storage_section.choice


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration file, checked. ``scrape_configs`` are effective, with the included files' jobs.

    ``warnings`` are for the log, one line each, ``quarantined`` are jobs that were left out; they take no part in
    comparisons.
    """

    global_: GlobalConfig = field(default_factory=lambda: GlobalConfig().completed(), metadata=key("global"))
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    rule_files: tuple[FilePath, ...] = ()
    scrape_config_files: tuple[FilePath, ...] = field(default=(), metadata=consumed())
    scrape_configs: tuple[ScrapeConfig, ...] = ()
    alerting: AlertingConfig = field(default_factory=AlertingConfig)
    remote_write: Any = field(default=None, metadata=later("remote write"))
    remote_read: Any = field(default=None, metadata=later("remote read"))
    storage: StorageConfig = field(default_factory=StorageConfig)
    otlp: Any = field(default=None, metadata=later("receiving OTLP"))
    tracing: Any = field(default=None, metadata=later("tracing"))
    narthex: NarthexConfig = field(default_factory=NarthexConfig)
    warnings: tuple[str, ...] = field(default=(), compare=False, metadata=internal())
    quarantined: tuple[QuarantinedJob, ...] = field(default=(), compare=False, metadata=internal())
