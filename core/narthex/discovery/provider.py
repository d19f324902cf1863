"""One discovery block as configured, built, and the jobs that share it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from narthex.clock import Clock
from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.lane import Lane
from narthex.discovery.ledger import Ledger
from narthex.discovery.run import Run
from narthex.discovery.state import DiscovererStatus, Settings, State
from narthex.errors import PluginError
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex.logs import NamedLog
from narthex.model.targetgroup import SourcedGroup
from narthex.plugins.building import built
from narthex.plugins.catalog import Contribution

__all__ = ["Provider", "adapter", "build"]


@dataclass(eq=False, slots=True)
class Provider:
    """What the supervisor knows of one running block. ``name`` is such as ``file/0``."""

    name: str
    key: Hashable
    config: DiscoveryConfig
    contribution: Contribution[DiscoveryKind] | None
    ledger: Ledger
    log: logging.LoggerAdapter[logging.Logger]
    jobs: list[str] = field(default_factory=list)
    skip_bad_entries: bool = False
    run: Run | None = None
    lane: Lane | None = None

    def groups(self) -> list[SourcedGroup]:
        """The groups in force, with their origin."""
        return [SourcedGroup(self.name, group) for group in self.ledger.groups()]

    def run_of(self, discoverer: Discoverer, clock: Clock, settings: Settings, random: Callable[[], float]) -> Run:
        """A run of the block's discoverer, ready to be submitted to a lane."""
        skips = self.skip_bad_entries
        return Run(self.name, discoverer, self.ledger, self.log, clock, settings, random, skip_bad_entries=skips)

    def report_silence(self, seconds: float) -> None:
        """Note that nothing was published for so long, where that is so."""
        ledger = self.ledger
        if ledger.settled or ledger.state is not State.STARTING:
            return
        text = f"has published nothing for {seconds:g} s"
        ledger.fail(ledger.run, "silent", text, state=None)
        self.log.warning("Discovery is silent", extra={"err": text})

    def labels(self) -> tuple[str, str, str, str]:
        """Values of the metric labels ``provider``, ``kind``, ``plugin``, ``distribution``."""
        origin = self.contribution.origin if self.contribution else None
        return self.name, self.config.kind, origin.plugin if origin else "", origin.distribution if origin else ""

    def status(self) -> DiscovererStatus:
        """How it fares, for people."""
        ledger, groups = self.ledger, self.ledger.groups()
        return DiscovererStatus(
            provider=self.name,
            kind=self.config.kind,
            jobs=tuple(self.jobs),
            origin=self.contribution.origin if self.contribution else None,
            state=ledger.state,
            last_error=ledger.last_error,
            last_success=ledger.last_success,
            restarts=ledger.restarts,
            failures=ledger.failures(),
            groups=len(groups),
            targets=sum(len(group.targets) for group in groups),
            skipped=ledger.skipped,
            troubles=ledger.troubles(),
        )


def adapter(
    name: str, job: str, contribution: Contribution[DiscoveryKind] | None
) -> logging.LoggerAdapter[logging.Logger]:
    """A logger for one block: provider, first job, plugin and distribution stand in every line."""
    extra = {"provider": name, "job": job}
    if contribution is not None:
        origin = contribution.origin
        extra |= {"plugin": origin.plugin, "distribution": f"{origin.distribution} {origin.version}"}
    return NamedLog(logging.getLogger("narthex.discovery"), extra)


def build(provider: Provider, clock: Clock, registry: CollectorRegistry, data: Path | None) -> Discoverer:
    """Build the block's discoverer. Raises ``PluginError`` when its builder fails or builds something else."""
    if provider.contribution is None:
        raise PluginError(f"no discovery kind is named {provider.config.kind!r}")
    where = data / _directory(provider.config) if data is not None else None
    skips = provider.skip_bad_entries
    trouble = provider.ledger.hearer()
    context = BuildContext(provider.name, clock, provider.log, registry, where, provider.jobs[0], skips, trouble)
    discoverer: Discoverer = built(provider.contribution, provider.config.config, context, ("run",))
    return discoverer


def _directory(config: DiscoveryConfig) -> str:
    """The same block finds the same directory after a restart; counters in names would not do."""
    digest = hashlib.blake2b(repr(config).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{config.kind}-{digest}"
