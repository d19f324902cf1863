"""The server: its parts, put together; the order in which they start, change and stop.

Started from sink to source (hand-off, storage, rules, scraping, discovery), so that nothing produces before its
consumer is there. Stopped the other way round: discovery first, so that no target is taken for gone; rules before
scraping, so that no ``absent()`` fires on the way down; the hand-off last, so that the last alerts still leave.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from narthex.clock import Clock, SystemClock
from narthex.config.dump import dump
from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus
from narthex.errors import ConfigError, NarthexError, Problem
from narthex.explain.relabel import Explanation, Stage, explain_rules, explain_target, explain_write
from narthex.explain.rulelist import parse_rules
from narthex.explain.why import JobEvidence
from narthex.options import ListenAddress, ServerOptions
from narthex.plugins.host import PluginHost
from narthex.relabel.rules import compile_rules
from narthex.rules.status import GroupStatus
from narthex.scrape.status import PoolStatus
from narthex.server.assembly import GRACE, Surroundings, assemble
from narthex.server.jobs import relabel_steps
from narthex.server.listen import Listener
from narthex.server.metrics import ServerMetrics
from narthex.server.plan import Plan, make_plan
from narthex.server.plugins import plugin_report
from narthex.server.quarantine import JobInQuarantine, since, summary
from narthex.server.storage import change_storage, needs_restart, retention
from narthex.server.tasks import keep_running, quietly
from narthex.server.warmup import warm_up
from narthex.web.app import make_app
from narthex.web.view import QueryLimits, RuntimeInfo

__all__ = ["Server"]

log = logging.getLogger(__name__)

RULE_THREADS = 4
"""Rule groups that are evaluated at once; queries of users have other threads and cannot hold these up."""
FIRST_DISCOVERY = 5.0
"""Seconds at most that the first evaluation of rules waits for discoverers to answer once."""


class Server:
    """One running Narthex; also what pages see of it (:class:`narthex.web.view.ServerView`)."""

    def __init__(self, options: ServerOptions, host: PluginHost, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.options = options
        self.catalog = host.catalog()
        self.registry = CollectorRegistry()
        self.query_limits = QueryLimits(
            options.query_timeout.seconds, options.query_max_samples, options.query_max_concurrency
        )
        self.lifecycle = options.web_enable_lifecycle
        self.admin = options.web_enable_admin_api
        self.query_executor: Executor = ThreadPoolExecutor(options.query_max_concurrency, thread_name_prefix="query")
        self._host = host
        self._rule_executor = ThreadPoolExecutor(RULE_THREADS, thread_name_prefix="rules")
        self._metrics = ServerMetrics(self.registry)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()
        self._started = self.clock.now()
        self._reload_error = ""
        self._reload_time = self._started
        self._quarantined: tuple[JobInQuarantine, ...] = ()
        self._recovered = False
        self.external_url = ""
        self.stopping = False
        self.quit_requested = asyncio.Event()

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything. Raises ``ConfigError``, ``StorageError``, ``ListenError``; call :meth:`stop` even then."""
        self.external_url = self._reached_as()
        plan = make_plan(self.options, self.catalog, self.external_url)
        self._plan = plan
        self._build(plan)
        addresses = await self._listener.start(self.options.web_listen_address)
        await self.storage.start()
        self._tasks = [
            asyncio.create_task(keep_running(part, work, self.clock), name=part)
            for part, work in (("discovery", self._jobs.follow), ("discovery of Alertmanagers", self._handoff.follow))
        ]
        async with self._changing:
            self._recovered = True
            await self._carry_out(plan, FIRST_DISCOVERY)
        self._in_force(plan)
        warming = warm_up(self.engine, self.query_executor, self.clock)
        self._tasks.append(asyncio.create_task(warming, name="warm up"))
        log.info("Server is ready to receive web requests", extra={"address": ",".join(addresses)})
        for address in addresses:
            log.info("Targets and alerts are shown at http://%s/", address)

    async def reload(self) -> None:
        """Read the configuration again and put it in force. Raises ``NarthexError``; then nothing has changed."""
        async with self._changing:
            if not self.ready:
                raise NarthexError("the server is starting or stopping")
            try:
                plan = await asyncio.to_thread(make_plan, self.options, self.catalog, self.external_url, self._plan)
                self._refuse_unchangeable(plan)
                await self._change_to(plan)
            except NarthexError as error:
                self._refused(str(error))
                raise
            except (Exception, SystemExit) as error:
                log.exception("A configuration could not be read")
                self._refused(f"{type(error).__name__}: {error}")
                raise NarthexError(self._reload_error) from error
            self._in_force(plan)
            log.info("Configuration reloaded", extra={"file": str(self.options.config_file)})

    def _in_force(self, plan: Plan) -> None:
        """Note that a plan was carried out, and say which jobs of it are in quarantine."""
        self._plan, self._reload_time = plan, self.clock.now()
        before = {one.job for one in self._quarantined}
        self._quarantined = since(plan.quarantined, self._quarantined, self._reload_time)
        self._reload_error = ""
        self._metrics.reloaded(self._reload_time, ok=not self._quarantined)
        self._metrics.quarantined(self._quarantined)
        for one in self._quarantined:
            extra = {"job": one.job, "running": one.running, "err": "; ".join(one.problems)}
            log.error("A job is in quarantine; the rest of the configuration is in force", extra=extra)
        for job in sorted(before - {one.job for one in self._quarantined}):
            log.info("A job is out of quarantine", extra={"job": job})

    def _refused(self, reason: str) -> None:
        self._reload_error = reason
        self._metrics.reloaded(self.clock.now(), ok=False)
        log.error("Configuration reload failed; the old one stays in force", extra={"err": reason})

    async def stop(self) -> None:
        """Stop everything, each part even if another fails to. Safe after a failed start."""
        self.stopping = True
        if not hasattr(self, "_listener"):
            return
        async with self._changing:  # a reload under way would start what has just been stopped
            await self._stop_parts()
        for executor in (self.query_executor, self._rule_executor):
            executor.shutdown(wait=False, cancel_futures=True)

    async def _stop_parts(self) -> None:
        await quietly("discovery", self._jobs.stop_discovery(GRACE))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        late = asyncio.get_running_loop().call_later(GRACE, self._rule_queries.cancel)
        await quietly("rules", self._rules.stop())
        late.cancel()
        await quietly("scraping", self._jobs.stop())
        await quietly("storage", self.storage.stop())
        await quietly("web", self._listener.stop())
        await quietly("hand-off", self._handoff.stop())

    def quit(self) -> None:
        """Begin to stop; returns at once."""
        self.quit_requested.set()

    # --- what pages see ----------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether the storage has recovered and the server is not stopping."""
        return self._recovered and not self.stopping

    def pools(self) -> Mapping[str, PoolStatus]:
        """Every scrape pool's state by job name."""
        return {name: pool.status() for name, pool in self._jobs.pools().items()}

    def relabel_steps(self, pool: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """Each target relabel rule of a job with its outcome for ``labels``. Raises ``KeyError`` for an unknown job."""
        return relabel_steps(self._jobs.job(pool), labels)

    def explain_relabeling(
        self, stage: Stage, pool: str, labels: Mapping[str, str], rules_text: str = ""
    ) -> Explanation:
        """What the rules of a stage make of ``labels``; alerts and writes have no pool.

        ``rules_text`` are the rules for a write, of which none are in force. Raises ``KeyError`` for an unknown job,
        ``ConfigError`` for bad rules.
        """
        if stage == "write":
            given = parse_rules(rules_text, "rules", self.catalog)
            return explain_write(given, compile_rules(given, self.catalog), labels, self._plan.external_labels)
        if stage == "alert":
            rules = self._plan.config.alerting.alert_relabel_configs
            return explain_rules(stage, rules, self._plan.alert_rules, labels)
        job = self._jobs.job(pool)
        if stage == "target":
            return explain_target(job.config, job.rules, labels)
        return explain_rules(stage, job.config.metric_relabel_configs, job.metric_rules, labels, job=pool)

    def quarantined(self) -> Sequence[JobInQuarantine]:
        """Jobs whose newest configuration is not in force."""
        return self._quarantined

    def job_evidence(self) -> Sequence[JobEvidence]:
        """Every scrape job with its groups and scrapes at this moment."""
        return self._jobs.evidence()

    def rule_groups(self) -> Sequence[GroupStatus]:
        """Every rule group's state, in file order."""
        return self._rules.groups()

    def alertmanagers(self) -> tuple[Sequence[str], Sequence[str]]:
        """URLs of active and of dropped Alertmanagers."""
        return self._handoff.alertmanagers()

    def discoverers(self) -> Sequence[DiscovererStatus]:
        """Every running discoverer, for targets and for Alertmanagers."""
        return [*self._scrape_supervisor.status(), *self._notify_supervisor.status()]

    def held_updates(self) -> Sequence[HeldUpdate]:
        """Updates of discovery that are held."""
        return self._scrape_supervisor.held()

    def restored_groups(self) -> Sequence[RestoredGroups]:
        """Groups that were read from disk, because discovery has not answered since the start."""
        return self._scrape_supervisor.restored()

    def accept_updates(self, job: str) -> int:
        """Put a job's held updates in force. Returns how many there were. Raises ``KeyError`` for an unknown job."""
        return self._scrape_supervisor.accept(job)

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        """Plugins with distribution, version, contributions and failures."""
        return plugin_report(self._host, self.discoverers())

    def config_yaml(self) -> str:
        """The configuration in force, secrets masked."""
        return dump(self._plan.config)

    def flags(self) -> Mapping[str, str]:
        """Command line flags and their values."""
        return self.options.flags()

    def runtime(self) -> RuntimeInfo:
        """Start time, reload state and the like."""
        return RuntimeInfo(
            started=self._started,
            working_directory=os.getcwd(),  # noqa: PTH109 -- a text for a page
            reload_ok=not (self._reload_error or self._quarantined),
            reload_time=self._reload_time,
            reload_error=self._reload_error or summary(self._quarantined),
            retention=str(retention(self._plan.config, self.options)),
            partial=bool(self._quarantined) and not self._reload_error,
        )

    # --- parts -------------------------------------------------------------------------------------------------------

    def _build(self, plan: Plan) -> None:
        around = Surroundings(self.options, self.catalog, self.clock, self.registry, self.external_url)
        parts = assemble(plan, around, self._rule_executor)
        self.storage, self.engine, self.exemplars = parts.storage, parts.engine, parts.exemplars
        self._scrape_supervisor, self._notify_supervisor = parts.scrape_supervisor, parts.notify_supervisor
        self._handoff, self._rules, self._jobs = parts.handoff, parts.rules, parts.jobs
        self._rule_queries = parts.rule_queries
        self._listener = Listener(make_app(self))

    async def _carry_out(self, plan: Plan, patience: float = 0.0) -> None:
        """Put a plan in force; rules begin once discovery has answered, or after ``patience`` seconds."""
        for warning in plan.warnings:
            log.warning(warning)
        self.engine.step_by_default(int(plan.config.global_.evaluation_interval))
        change_storage(self.storage, plan.config, self.options, self.catalog)
        self.exemplars.resize(plan.config.storage.exemplars.max_exemplars)
        labels = plan.external_labels
        await self._handoff.apply(plan.blocks, plan.alert_rules, labels, plan.config.narthex.receivers)
        await self._jobs.apply(plan.jobs, labels)
        if patience:
            await self._scrape_supervisor.ready(patience)
        await self._rules.apply(plan.rule_files, plan.rule_options)

    async def _change_to(self, plan: Plan) -> None:
        """Carry out a plan, or else the old one again, which leaves alone whatever has not changed."""
        try:
            await self._carry_out(plan)
        except (Exception, SystemExit) as error:
            if not isinstance(error, NarthexError):
                log.exception("A new configuration could not be put in force")
            await quietly("the old configuration", self._carry_out(self._plan))
            raise NarthexError(str(error) or type(error).__name__) from error

    def _refuse_unchangeable(self, plan: Plan) -> None:
        if path := needs_restart(plan.config, self._plan.config, self.options, self.catalog):
            message = "the storage cannot change while the server runs: restart it"
            raise ConfigError((Problem(str(self.options.config_file), 0, 0, path, message),))

    def _reached_as(self) -> str:
        """The URL under which users reach this server; a path alone follows our own name."""
        given = self.options.web_external_url
        if given and not given.startswith("/"):
            return given
        address = self.options.web_listen_address[0]
        host = os.uname().nodename if address.host in {"", "0.0.0.0", "::"} else address.host  # noqa: S104
        return f"http://{ListenAddress(host, address.port)}{given}"
