"""The parts of a server, put together: who is given what. Nothing runs yet when this is done."""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from prometheus_client import CollectorRegistry

from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.discovery.supervisor import Supervisor
from narthex.gotemplate.contributed import plugin_functions
from narthex.http.client import HttpClient
from narthex.kinds import BuildContext
from narthex.logs import NamedLog
from narthex.notify.handoff import Handoff, HandoffOptions, Parts
from narthex.notify.metrics import NotifyMetrics
from narthex.options import ServerOptions
from narthex.plugins.catalog import Catalog
from narthex.promql.contributed import with_plugins
from narthex.promql.engine import Engine
from narthex.promql.engine.functions.contributed import standard_and
from narthex.rules.group import Services
from narthex.rules.metrics import RuleMetrics
from narthex.rules.ruleset import RuleSet
from narthex.scrape.batches import Batches
from narthex.scrape.metrics import ScrapeMetrics
from narthex.server.features import read_features
from narthex.server.jobs import Jobs
from narthex.server.parts import PoolFactory, build_receivers
from narthex.server.plan import Plan
from narthex.server.rulequeries import RuleQueries
from narthex.server.storage import build_storage
from narthex.storage.exemplars import ExemplarRing
from narthex.storage.protocol import Storage

__all__ = ["GRACE", "Assembly", "Surroundings", "assemble"]

log = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds for discoverers to stop, for rules under way to end, and for the last alerts to leave."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every part may be given: options, plugins, clock, metrics, and where users reach the server."""

    options: ServerOptions
    catalog: Catalog
    clock: Clock
    registry: CollectorRegistry
    external_url: str

    def context(self, name: str) -> BuildContext:
        """What a plugin's object called ``name`` is built with."""
        adapter = NamedLog(logging.getLogger(f"narthex.{name}"), {})
        return BuildContext(name, self.clock, adapter, self.registry, self.options.storage_path)

    def client(self, config: HttpConfig) -> HttpClient:
        """An HTTP client for one section of the configuration."""
        return HttpClient(config, self.clock)


@dataclass(frozen=True, slots=True)
class Assembly:
    """Every part of one server."""

    storage: Storage
    engine: Engine
    scrape_supervisor: Supervisor
    notify_supervisor: Supervisor
    handoff: Handoff
    rule_queries: RuleQueries
    rules: RuleSet
    jobs: Jobs
    exemplars: ExemplarRing


def assemble(plan: Plan, around: Surroundings, rule_executor: Executor) -> Assembly:
    """Build all parts, from sink to source. Raises ``StorageError`` when the storage is not installed."""
    options, catalog, clock, registry = around.options, around.catalog, around.clock, around.registry
    storage = build_storage(plan.config, options, catalog, around.context("storage"))
    engine = _engine(storage, around)
    notify_supervisor = Supervisor(catalog, clock, registry, "notify")
    handoff = _handoff(notify_supervisor, around)
    rule_queries = RuleQueries(engine, options.query_timeout.seconds, clock.monotonic)
    rules = RuleSet(
        Services(
            storage=storage,
            parse=engine.parse,
            query=rule_queries,
            send=handoff.send,
            clock=clock,
            executor=rule_executor,
            metrics=RuleMetrics(registry),
            template_functions=plugin_functions(catalog),
        )
    )
    scrape_supervisor = Supervisor(catalog, clock, registry, "scrape", options.storage_path / "discovery")
    features = read_features(options.enable_feature)
    exemplars = ExemplarRing(0)  # as large as the configuration says, once it is carried out
    scraping = replace(features.scraping, exemplars=exemplars) if features.exemplars else features.scraping
    pools = PoolFactory(storage, catalog, clock, ScrapeMetrics(registry), around.client, scraping, Batches())
    jobs = Jobs(scrape_supervisor, pools)
    return Assembly(
        storage, engine, scrape_supervisor, notify_supervisor, handoff, rule_queries, rules, jobs, exemplars
    )


def _engine(storage: Storage, around: Surroundings) -> Engine:
    options = around.options
    features = read_features(options.enable_feature)
    for name in features.unknown:
        log.warning("Unknown option for --enable-feature", extra={"option": name})
    return Engine(
        storage,
        lookback=int(options.query_lookback_delta),
        max_samples=options.query_max_samples,
        semantics=features.semantics,
        options=with_plugins(around.catalog, features.parser),
        functions=standard_and(around.catalog),
        monotonic=around.clock.monotonic,
    )


def _handoff(supervisor: Supervisor, around: Surroundings) -> Handoff:
    options = around.options
    return Handoff(
        supervisor,
        HandoffOptions(options.notify_queue_capacity, options.notify_batch_size, options.notify_drain, GRACE),
        around.clock,
        NotifyMetrics(around.registry),
        Parts(
            around.client,
            partial(build_receivers, catalog=around.catalog, context=around.context),
            around.external_url,
        ),
    )
