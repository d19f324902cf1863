"""Scrapes, rule evaluations and checks of one test in the order of time, on a storage in memory.

At one moment scrapes come first, then rules in file order, then checks. Time begins at 0; rule groups are evaluated at
multiples of their interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from narthex.config.rulefile import RuleFile
from narthex.config.scrape import ScrapeConfig
from narthex.config.sections import Config
from narthex.config.types import Duration
from narthex.errors import NarthexError, QueryError
from narthex.gotemplate.contributed import plugin_functions
from narthex.kinds import ScrapeKind
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.plugins.catalog import Catalog
from narthex.promql.contributed import with_plugins
from narthex.promql.engine import Engine
from narthex.promql.engine.functions.contributed import standard_and
from narthex.promql.parser import ALL_OPTIONS
from narthex.promql.value import InstantVector, Scalar, String
from narthex.relabel.rules import Rules
from narthex.rules.definition import definitions
from narthex.rules.group import Group, Services
from narthex.rules.metrics import RuleMetrics
from narthex.rules.options import RuleOptions
from narthex.scrape.cache import CacheOptions, SeriesCache
from narthex.scrape.identity import LabelLimits, SeriesIdentity
from narthex.scrape.loop import REPORTS
from narthex.scrape.negotiate import choose
from narthex.scrape.row import Row
from narthex.testing.clock import FakeClock
from narthex.testing.pipeline.compare import Failure, Item, compare_items, compare_samples
from narthex.testing.pipeline.format import AlertCheck, PipelineTest, QueryCheck, Scrape
from narthex.testing.storage import MemoryStorage

__all__ = ["Stage", "Timeline"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands around a test: its configuration, job, targets and rules."""

    config: Config
    job: ScrapeConfig
    metric_rules: Rules
    catalog: Catalog
    targets: Sequence[Target]
    rule_files: Mapping[str, RuleFile]
    executor: Executor


@dataclass(slots=True)
class Timeline:
    """One run. ``failures`` grows as checks fail."""

    stage: Stage
    test: PipelineTest
    failures: list[Failure] = field(default_factory=list)
    _storage: MemoryStorage = field(default_factory=MemoryStorage)
    _clock: FakeClock = field(default_factory=lambda: FakeClock(0.0))
    _caches: dict[Target, SeriesCache] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)
    _engine: Engine = field(init=False)
    _groups: list[Group] = field(init=False)

    def __post_init__(self) -> None:
        catalog = self.stage.catalog
        options = with_plugins(catalog, ALL_OPTIONS)
        self._engine = Engine(self._storage, options=options, functions=standard_and(catalog))
        self._groups = list(self._make_groups())

    async def run(self) -> None:
        """Play everything back."""
        scrapes = self._scrapes()
        checks: list[QueryCheck | AlertCheck] = [*self.test.queries, *self.test.alerts]
        moments = {*scrapes, *(int(one.at) for one in checks)}
        end = max(moments, default=0)
        slots = {slot for group in self._groups for slot in range(0, end + 1, group.definition.interval)}
        now = 0
        for moment in sorted(moments | slots):
            await self._clock.advance((moment - now) / 1000)
            now = moment
            for scrape in scrapes.get(moment, ()):
                scrape()
            for group in self._groups:
                if moment % group.definition.interval == 0:
                    await self._evaluate(group, moment)
            for check in checks:
                if check.at == moment:
                    self._check(check, moment)

    async def _evaluate(self, group: Group, moment: int) -> None:
        await group.evaluate(moment)
        for rule in group.rules:
            text = f"rule {rule.name} of group {group.definition.name} failed: {rule.health.error}"
            if rule.health.error and text not in self._broken:
                self._broken.add(text)
                self.failures.append(Failure(self.test.line, text))

    # --- scrapes ------------------------------------------------------------------------------------------------------

    def _scrapes(self) -> dict[int, list[Callable[[], object]]]:
        """By moment, what happens then. A scrape that names no target of the test is a failure."""
        planned: dict[int, list[Callable[[], object]]] = {}
        taken: set[tuple[Target, int]] = set()
        for one in self.test.scrapes:
            wanted = _texts(one.target)
            targets = [target for target in self.stage.targets if wanted.items() <= target.public.items()]
            end = (one.until or one.at) + 1
            here = [(target, moment) for target in targets for moment in range(one.at, end, target.interval)]
            if not targets:
                what = f"no target has the labels {Labels(wanted)}" if wanted else "there is no target to scrape"
                self.failures.append(Failure(one.line, what))
            elif both := taken.intersection(here):
                twice = min(moment for _, moment in both)
                self.failures.append(Failure(one.line, f"a target is scraped twice at {Duration(twice)}"))
            else:
                taken.update(here)
                planned.setdefault(int(one.at), []).append(partial(self._first, one, targets))
                for target, moment in here:
                    if moment > one.at:
                        planned.setdefault(moment, []).append(partial(self._take, one, target, moment))
        return planned

    def _first(self, scrape: Scrape, targets: Sequence[Target]) -> None:
        """The scrape that is looked at."""
        samples: list[tuple[Labels, float]] = []
        for target in targets:
            problem = self._take(scrape, target, int(scrape.at))
            if scrape.error and scrape.error not in problem:
                diff = (f"- {scrape.error}", f"+ {problem or 'the scrape succeeded'}")
                self.failures.append(
                    Failure(scrape.line, f"the scrape of {target.url} does not fail as expected", diff)
                )
            elif problem and not scrape.error and not scrape.down:
                self.failures.append(Failure(scrape.line, f"the scrape of {target.url} failed: {problem}"))
            elif not problem:
                samples += self._samples(scrape, target)
        if scrape.samples is not None:
            self.failures += compare_samples("samples", scrape.samples, samples, scrape.line)

    def _take(self, scrape: Scrape, target: Target, moment: int) -> str:
        """One scrape, stored with its report series; the reason if it failed."""
        cache = self._caches.get(target)
        if cache is None:
            cache = self._caches[target] = self._cache(target)
        problem = "the target is down" if scrape.down else ""
        if scrape.text is not None:
            try:
                cache.take(scrape.text.encode(), self._kind(scrape), scrape.content_type, moment)
            except NarthexError as error:
                problem = str(error)
        if problem:
            cache.fail(moment)
        counts = cache.counts
        cache.commit([float(not problem), 0.0, counts.scraped, counts.kept, counts.added])
        return problem

    def _samples(self, scrape: Scrape, target: Target) -> Iterator[tuple[Labels, float]]:
        """What a body that was read leaves after metric relabeling; of equal series the first."""
        assert scrape.text is not None  # there was an answer
        identity = self._caches[target].identity
        seen = set()
        for entry in self._kind(scrape).parse(scrape.text.encode(), scrape.content_type):
            labels = identity.of(entry.labels) if hasattr(entry, "labels") else None
            if labels is not None and labels not in seen:
                seen.add(labels)
                yield labels, entry.value

    def _kind(self, scrape: Scrape) -> ScrapeKind:
        return choose(
            [one.kind for one in self.stage.catalog.scrape.values()],
            scrape.content_type,
            self.stage.job.fallback_scrape_protocol,
        )

    def _cache(self, target: Target) -> SeriesCache:
        job = self.stage.job
        limits = LabelLimits(job.label_limit, job.label_name_length_limit, job.label_value_length_limit)
        legacy = job.metric_name_validation_scheme == "legacy"
        identity = SeriesIdentity(target.public, self.stage.metric_rules, job.honor_labels, limits, legacy)
        row = Row(self._storage, target.interval, 0, [identity.report(name) for name in REPORTS])
        options = CacheOptions(job.honor_timestamps, job.track_timestamps_staleness, job.sample_limit)
        return SeriesCache(row, identity, options)

    # --- rules --------------------------------------------------------------------------------------------------------

    def _make_groups(self) -> Iterator[Group]:
        config = self.stage.config.global_
        options = RuleOptions(
            evaluation_interval=int(config.evaluation_interval),
            query_offset=int(config.rule_query_offset),
            external_labels=Labels({str(name): value for name, value in config.external_labels.items()}),
        )
        services = Services(
            storage=self._storage,
            parse=self._engine.parse,
            query=self._engine.instant,
            send=lambda _alerts: None,
            clock=self._clock,
            executor=self.stage.executor,
            metrics=RuleMetrics(CollectorRegistry()),
            template_functions=plugin_functions(self.stage.catalog),
        )
        for definition in definitions(self.stage.rule_files, options):
            services.metrics.add(definition.title, definition.interval, len(definition.rules))
            yield Group(definition, services, restored=True)

    # --- checks -------------------------------------------------------------------------------------------------------

    def _check(self, check: QueryCheck | AlertCheck, moment: int) -> None:
        if isinstance(check, AlertCheck):
            self.failures += self._alerts(check)
            return
        try:
            value = self._engine.instant(check.expr, moment).value
        except QueryError as error:
            self.failures.append(Failure(check.line, f"query failed: {error}"))
            return
        if isinstance(value, Scalar):
            self.failures += compare_samples("samples", check.samples, [(Labels(), value.value)], check.line)
        elif isinstance(value, InstantVector):
            found = list(zip(value.labels.all_labels(), map(float, value.values), strict=True))
            self.failures += compare_samples("samples", check.samples, found, check.line)
        else:
            what = "a text" if isinstance(value, String) else "ranges of samples"
            self.failures.append(Failure(check.line, f"the query answers with {what}, not with samples of one time"))

    def _alerts(self, check: AlertCheck) -> Iterator[Failure]:
        expected = [
            Item(
                Labels({**({"alertname": check.alert} if check.alert else {}), **_texts(one.labels)}),
                {"state": one.state, **_annotations(one.annotations)},
                one.line,
            )
            for one in check.active
        ]
        found = [
            Item(alert.labels, {"state": alert.state, **_annotations(alert.annotations)})
            for group in self._groups
            for rule in group.status().rules
            for alert in rule.alerts
            if check.alert in {"", rule.name}
        ]
        yield from compare_items(f"alert at {check.at}", expected, found, check.line)


def _annotations(annotations: Mapping[Any, str] | None) -> dict[str, str]:
    """As one fact, so that one too many is seen as well."""
    return {} if annotations is None else {"annotations": str(Labels(_texts(annotations)))}


def _texts(labels: Mapping[Any, str]) -> dict[str, str]:
    return {str(name): value for name, value in labels.items()}
