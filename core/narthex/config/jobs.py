"""From a scrape config as written to the one in effect: global values filled in, rules between the two checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from narthex.config.relabel import RelabelConfig
from narthex.config.scrape import DiscoveryConfig, EscapingScheme, ScrapeConfig
from narthex.config.sections import AlertingConfig, GlobalConfig
from narthex.config.session import Session, suggestion
from narthex.plugins.catalog import Catalog

__all__ = ["JobReader", "effective"]

PROMETHEUS_PROTOCOLS = (
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
)
_LIMITS = (
    "body_size_limit",
    "sample_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "target_limit",
    "keep_dropped_targets",
)
_TOGGLES = (
    "scrape_native_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "extra_scrape_metrics",
)


def effective(job: ScrapeConfig, defaults: GlobalConfig) -> ScrapeConfig:
    """``job`` with everything it leaves open taken from ``defaults`` (reference §1.2)."""
    interval = job.scrape_interval or defaults.scrape_interval
    validation = job.metric_name_validation_scheme or defaults.metric_name_validation_scheme
    inferred: EscapingScheme = "allow-utf-8" if validation == "utf8" else "underscores"
    values: dict[str, Any] = {name: getattr(job, name) or getattr(defaults, name) for name in _LIMITS}
    for name in _TOGGLES:
        own = getattr(job, name)
        values[name] = getattr(defaults, name) if own is None else own
    return replace(
        job,
        scrape_interval=interval,
        scrape_timeout=job.scrape_timeout or min(defaults.scrape_timeout, interval),
        scrape_protocols=job.scrape_protocols or defaults.scrape_protocols,
        scrape_failure_log_file=job.scrape_failure_log_file or defaults.scrape_failure_log_file,
        metric_name_validation_scheme=validation,
        metric_name_escaping_scheme=job.metric_name_escaping_scheme or defaults.metric_name_escaping_scheme or inferred,
        **values,
    )


@dataclass(slots=True)
class JobReader:
    """Checks that need the catalog or the global section. Problems go to the session that a value was read in."""

    catalog: Catalog
    defaults: GlobalConfig
    warnings: list[str]

    def job(self, session: Session, job: ScrapeConfig) -> ScrapeConfig:
        """Check one job and return it in effect."""
        result = effective(job, self.defaults)
        for key, message in self._findings(job, result):
            session.fail_at(job, key, message)
        legacy = result.metric_name_validation_scheme == "legacy"
        self.relabeling(session, (*job.relabel_configs, *job.metric_relabel_configs), legacy=legacy)
        self._static(session, job.discovery, relabeled=bool(job.relabel_configs))
        self.protocols(session, job, job.scrape_protocols, job.job_name)
        if job.fallback_scrape_protocol:
            self._known_protocol(session, job, "fallback_scrape_protocol", job.fallback_scrape_protocol)
        return result

    def _findings(self, job: ScrapeConfig, result: ScrapeConfig) -> Iterator[tuple[str, str]]:
        name = job.job_name
        if result.scrape_timeout > result.scrape_interval:
            message = f"scrape timeout {result.scrape_timeout} is longer than scrape interval {result.scrape_interval}"
            yield "scrape_timeout", f"{message} for scrape config with job name {name!r}"
        if result.metric_name_validation_scheme == "legacy" and result.metric_name_escaping_scheme == "allow-utf-8":
            message = "UTF-8 metric names are requested, but metric_name_validation_scheme is legacy"
            yield "metric_name_escaping_scheme", f"{message} for job name {name!r}"

    def alerting(self, session: Session, alerting: AlertingConfig) -> None:
        """Check rules and static targets of the alerting section."""
        legacy = self.defaults.metric_name_validation_scheme == "legacy"
        self.relabeling(session, alerting.alert_relabel_configs, legacy=legacy)
        for one in alerting.alertmanagers:
            self.relabeling(session, (*one.relabel_configs, *one.alert_relabel_configs), legacy=legacy)
            self._static(session, one.discovery, relabeled=bool(one.relabel_configs))

    def relabeling(self, session: Session, rules: Iterable[RelabelConfig], *, legacy: bool) -> None:
        """Have each rule checked by its action."""
        for rule in rules:
            found = self.catalog.relabel.get(rule.action)
            if found is None:
                hint = suggestion(rule.action, self.catalog.relabel)
                session.fail_at(rule, "action", f"unknown relabel action {str(rule.action)!r}{hint}")
                continue
            try:
                findings = list(found.kind.check(rule, legacy))
            except Exception as error:  # noqa: BLE001 -- a plugin's action may do anything
                what = f"{type(error).__name__}: {error}"
                findings = [("action", f"the check of action {rule.action} of plugin {found.origin} failed: {what}")]
            for key, message in findings:
                session.fail_at(rule, key, message)

    def _static(self, session: Session, discovery: Sequence[DiscoveryConfig], *, relabeled: bool) -> None:
        """A ``/`` cannot be in a host name; but relabeling may take it out, so then the target decides later."""
        if relabeled:
            return
        for block in discovery:
            for group in block.config if block.kind == "static" else ():
                for target in getattr(group, "targets", ()):
                    if "/" in target:
                        message = f'"{target}" is not a valid hostname; expected host:port'
                        session.fail_at(group, "targets", f"{message} (scheme and metrics_path are keys of their own)")

    def protocols(self, session: Session, owner: Any, protocols: Sequence[str] | None, name: str) -> None:
        """Check ``scrape_protocols``: known, each once, and one of them readable here."""
        if not protocols:
            return
        if len({one.lower() for one in protocols}) < len(protocols):
            session.fail_at(
                owner, "scrape_protocols", f"duplicated protocol in scrape_protocols: {', '.join(protocols)}"
            )
        readable = self._readable()
        absent = [one for one in protocols if one not in readable]
        unknown = [one for one in absent if one not in PROMETHEUS_PROTOCOLS]
        for one in unknown:
            session.fail_at(owner, "scrape_protocols", self._unknown_protocol(one))
        if len(absent) == len(protocols) and not unknown:
            session.fail_at(
                owner, "scrape_protocols", f"not implemented yet: {', '.join(absent)}; nothing else is listed"
            )
        elif absent and not unknown:
            self.warnings.append(
                f"{name}: scrape_protocols: not implemented yet, and not asked for: {', '.join(absent)}"
            )

    def _known_protocol(self, session: Session, owner: Any, key: str, protocol: str) -> None:
        if protocol in self._readable():
            return
        known = protocol in PROMETHEUS_PROTOCOLS
        session.fail_at(owner, key, f"not implemented yet: {protocol}" if known else self._unknown_protocol(protocol))

    def _unknown_protocol(self, protocol: str) -> str:
        supported = sorted(self._readable())
        return f"unknown scrape protocol {protocol}, supported: {', '.join(supported)}{suggestion(protocol, supported)}"

    def _readable(self) -> frozenset[str]:
        return frozenset(name for one in self.catalog.scrape.values() for name, _ in one.kind.protocols)
