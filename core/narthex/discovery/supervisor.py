"""Runs every configured discoverer, and lets none of them hurt another.

*Isolation.* Discoverers run on a lane: an event loop in a thread of its own. The main loop, where scrapes, rules and
the API live, only ever reads a ledger. So code that blocks, spins or floods costs the scrapes nothing but its share of
the processor. Whatever a discoverer raises, ``SystemExit`` included, is contained and it is run again after a doubling,
jittered delay. When one blocks its lane, a watchdog names it; the others are built anew on a fresh lane, with their
groups in force all the while, and the blocked one keeps the old lane to itself from then on. If nobody can be named
(the code runs in a bare callback), each gets a lane of its own, so that the next block has a name. There are never more
lanes than discoverers.

*Last known good.* Groups leave for three reasons only: the discoverer retracts them, the first full set after a restart
lacks them, or their block leaves the configuration. An edited block keeps its old groups until the new one has
published, at most ``handover_limit``; Prometheus drops them at once, and so loses every target when somebody edits a
block while its backend is down.

*Limits.* Between a block and a job stands a gate (:mod:`narthex.discovery.gate`), which holds an update that takes too
many targets away. What is in force is kept on disk and comes back after a start, until the block has published.

*Sharing.* Blocks that are equal by value are one discoverer, within a job and across jobs.

*Changes.* The latest state wins and there is one wake-up, no queue. Each job has its own pace: a change after a pause
is handed on at once, a flood ever more rarely, up to every five seconds.
"""

from __future__ import annotations

import asyncio
import itertools
import random as _random
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from narthex.clock import Clock
from narthex.config.safety import DiscoverySafety
from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.gate import Gate, HeldUpdate, RestoredGroups
from narthex.discovery.identity import identity
from narthex.discovery.keeper import Keeper, Snapshots
from narthex.discovery.lane import Lane, ThreadLane
from narthex.discovery.lanes import Lanes
from narthex.discovery.ledger import Ledger, News
from narthex.discovery.metrics import DiscoveryMetrics, shared
from narthex.discovery.pacing import Pacing
from narthex.discovery.provider import Provider, adapter, build
from narthex.discovery.run import Run
from narthex.discovery.state import DiscovererStatus, Settings, State
from narthex.discovery.subscriber import Subscriber
from narthex.discovery.waiting import Chores, within
from narthex.errors import PluginError
from narthex.model.targetgroup import SourcedGroup
from narthex.plugins.catalog import Catalog

__all__ = ["Supervisor"]


class Supervisor:
    """See the module. All methods belong to the event loop on which the first ``apply`` ran."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        registry: CollectorRegistry,
        name: str = "scrape",
        data_dir: Path | None = None,
        *,
        isolate: bool = True,
        settings: Settings | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """``data_dir`` is where groups, and discoverers, keep files; None: nowhere.

        ``isolate=False`` runs discoverers on the caller's loop: for one-shot commands and fake clocks.
        """
        self._catalog = catalog
        self._clock = clock
        self._registry = registry
        self._name = name
        self._data = data_dir
        self._settings = settings or Settings()
        self._random = random
        self._metrics = shared(DiscoveryMetrics, registry)
        self._pacing = Pacing(self._settings.pace_least, self._settings.pace_most)
        self._numbers = itertools.count()
        self._providers: dict[Hashable, Provider] = {}
        self._jobs: dict[str, Subscriber] = {}
        self._limits: Mapping[str, DiscoverySafety] = {}
        self._keeper = Keeper(data_dir / "groups" if data_dir is not None else None, catalog, clock)
        self._lanes = Lanes(name, self._settings.block_limit, self._on_block, self._on_answer, isolate=isolate)
        self._leaving: dict[Run, Provider] = {}
        self._chores = Chores(f"discovery {name}")
        self._saving = False
        self._wake = asyncio.Event()
        self._news = asyncio.Event()

    # --- what the server calls ---------------------------------------------------------------------------------------

    async def apply(
        self,
        wanted: Mapping[str, Sequence[DiscoveryConfig]],
        limits: Mapping[str, DiscoverySafety] | None = None,
    ) -> None:
        """Make the running discoverers those of ``wanted`` (job → blocks); what is wanted already keeps running.

        New ones are built before old ones stop. One that cannot be built is logged and counted; the rest go on. A job
        without an entry in ``limits`` takes every update as it comes, and nothing of it is kept on disk.
        """
        limits = limits or {}
        new_jobs = {job: configs for job, configs in wanted.items() if job not in self._jobs}
        snapshots = await self._keeper.load(new_jobs, limits)
        self._limits = limits
        before = self._providers
        after, lists = self._resolve(wanted)
        new = [provider for key, provider in after.items() if before.get(key) is not provider]
        ready = [(provider, run) for provider in new if (run := self._build(provider)) is not None]
        self._providers = after
        for job in [job for job in self._jobs if job not in lists]:
            self._forget(job)
        for job, providers in lists.items():
            self._subscribe(job, providers, snapshots)
        for provider, run in ready:
            self._start(provider, run, self._lanes.shared())
        for key, provider in before.items():
            if after.get(key) is not provider:
                self._retire(provider)
        self._lanes.close_idle()
        self._metrics.failed.labels(self._name).set(sum(one.ledger.state is State.FAILED for one in after.values()))
        if new:
            self._chores.start(self._tell_silence(new), "report silence")
        if not self._saving:
            self._saving = True
            self._chores.start(self._keeper.follow(self._gates, self._settings.save_interval), "keep groups on disk")
        self._wake.set()

    def groups(self, job: str) -> Sequence[SourcedGroup]:
        """Every group of the job that is in force, in the order of its blocks; empty for an unknown job.

        A group that has not changed since the last call is the same object.
        """
        subscriber = self._jobs.get(job)
        return subscriber.groups() if subscriber is not None else ()

    def held(self) -> Sequence[HeldUpdate]:
        """Updates that are not in force, because they would take too much away or are too large."""
        return [held for subscriber in self._jobs.values() for held in subscriber.held]

    def restored(self) -> Sequence[RestoredGroups]:
        """Groups in force that were read from disk, because their block has not published since the start."""
        return [restored for subscriber in self._jobs.values() for restored in subscriber.restored]

    def accept(self, job: str) -> int:
        """Let the job's held updates through. Returns how many there were. Raises ``KeyError`` for an unknown job."""
        accepted = self._jobs[job].accept()
        if accepted:
            self._mark(job)
        self._show(job)
        return accepted

    async def changes(self) -> frozenset[str]:
        """Wait until groups of some job have changed, and return those jobs. For one caller."""
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            ready = self._pacing.take(now)
            if ready:
                self._count(ready)
                return ready
            await within(self._clock, self._pacing.wait(now), self._wake.wait())

    async def ready(self, seconds: float) -> bool:
        """Wait until every discoverer has published or failed once, at most so long. Returns whether all have."""

        async def settled() -> None:
            while not all(provider.ledger.settled for provider in self._providers.values()):
                self._news.clear()
                await self._news.wait()

        return await within(self._clock, seconds, settled())

    def status(self) -> Sequence[DiscovererStatus]:
        """Every block, in order of configuration."""
        return [provider.status() for provider in self._providers.values()]

    async def stop(self, grace: float = 5.0) -> Sequence[str]:
        """Cancel everything; after ``grace`` seconds go on without, and return the names of, those that still run."""
        for provider in self._providers.values():
            self._retire(provider)
        await self._chores.stop()
        waiting = [asyncio.wrap_future(run.done) for run in self._leaving]
        if waiting:
            await within(self._clock, grace, asyncio.wait(waiting))
        late = [provider for run, provider in self._leaving.items() if not run.done.done()]
        for provider in late:
            provider.log.warning("Discovery did not stop in time", extra={"grace": grace})
        await self._keeper.finish(self._gates())
        for job in list(self._jobs):
            self._forget(job)
        self._providers = {}
        await asyncio.to_thread(self._lanes.close)
        return [provider.name for provider in late]

    # --- configuration -----------------------------------------------------------------------------------------------

    def _resolve(
        self, wanted: Mapping[str, Sequence[DiscoveryConfig]]
    ) -> tuple[dict[Hashable, Provider], dict[str, list[Provider]]]:
        providers, lists = dict[Hashable, Provider](), dict[str, list[Provider]]()
        for job, configs in wanted.items():
            skips = job in self._limits and self._limits[job].skip_bad_entries
            by_key: dict[Hashable, DiscoveryConfig] = {(identity(config), skips): config for config in configs}
            for key, config in by_key.items():
                if key not in providers:
                    known = self._providers.get(key)
                    fresh = known is None or known.ledger.state is State.FAILED
                    providers[key] = self._provider(key, config, job, skips=skips) if fresh else self._providers[key]
            lists[job] = [providers[key] for key in by_key]
        return providers, lists

    def _provider(self, key: Hashable, config: DiscoveryConfig, job: str, *, skips: bool) -> Provider:
        name = f"{config.kind}/{next(self._numbers)}"
        contribution = self._catalog.discovery.get(config.kind)
        loop = asyncio.get_running_loop()
        provider: Provider

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(self._on_news, provider)
            except RuntimeError:
                return  # the main loop has ended: nobody is left to be told

        ledger = Ledger(self._clock, wake)
        log = adapter(name, job, contribution)
        provider = Provider(name, key, config, contribution, ledger, log, [job], skips)
        return provider

    def _subscribe(self, job: str, providers: list[Provider], snapshots: Snapshots) -> None:
        limits, known = self._limits.get(job), self._jobs.get(job)
        for provider in providers:
            if job not in provider.jobs:
                provider.jobs.append(job)
        if known is None:
            saved = {one: snapshots.get((job, identity(one.config))) for one in providers}
            self._jobs[job] = Subscriber(job, self._clock, limits, providers, saved)
            self._mark(job)
        else:
            changed = known.limit(limits)
            if known.providers != providers:
                changed = True
                for provider in known.replace(providers):
                    provider.jobs.remove(job)
                if known.standins:
                    self._chores.start(self._end_handover(known, known.standins), "end handover")
            if changed:
                self._mark(job)
            self._await_hold(known)
        self._show(job)

    def _forget(self, job: str) -> None:
        for provider in self._jobs.pop(job).providers:
            provider.jobs.remove(job)
        self._pacing.forget(job)
        self._metrics.forget_job(self._name, job)

    # --- running -----------------------------------------------------------------------------------------------------

    def _build(self, provider: Provider) -> Run | None:
        try:
            discoverer = build(provider, self._clock, self._registry, self._data)
        except PluginError as error:
            provider.ledger.fail(provider.ledger.begin(), "build", str(error), state=State.FAILED)
            provider.log.warning("Discovery could not be started", extra={"err": str(error)})
            return None
        return provider.run_of(discoverer, self._clock, self._settings, self._random)

    def _start(self, provider: Provider, run: Run, lane: Lane) -> None:
        provider.run, provider.lane = run, lane
        lane.submit(run)

    def _retire(self, provider: Provider) -> None:
        provider.ledger.stop()
        self._metrics.forget(self._name, provider.labels(), provider.ledger.failures())
        run, lane = provider.run, provider.lane
        if run is None or lane is None:
            return
        self._leaving[run] = provider
        run.done.add_done_callback(partial(self._left, asyncio.get_running_loop()))
        lane.withdraw(run)

    def _left(self, loop: asyncio.AbstractEventLoop, _: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._sweep)

    def _sweep(self) -> None:
        self._leaving = {run: provider for run, provider in self._leaving.items() if not run.done.done()}

    async def _tell_silence(self, providers: Sequence[Provider]) -> None:
        await self._clock.sleep(self._settings.silence_limit)
        for provider in providers:
            provider.report_silence(self._settings.silence_limit)

    async def _end_handover(self, subscriber: Subscriber, standins: Sequence[SourcedGroup]) -> None:
        await self._clock.sleep(self._settings.handover_limit)
        if self._jobs.get(subscriber.job) is subscriber and subscriber.standins is standins:
            subscriber.standins = ()
            self._mark(subscriber.job)

    def _await_hold(self, subscriber: Subscriber) -> None:
        if subscriber.due is not None:
            self._chores.start(self._end_hold(subscriber, subscriber.due), "end hold")

    async def _end_hold(self, subscriber: Subscriber, due: float) -> None:
        await self._clock.sleep(due - self._clock.monotonic())
        if self._jobs.get(subscriber.job) is subscriber and subscriber.settle(max(due, self._clock.monotonic())):
            self._mark(subscriber.job)
            self._show(subscriber.job)

    def _gates(self) -> list[Gate]:
        return [gate for subscriber in self._jobs.values() for gate in subscriber.gates]

    # --- what lanes report -------------------------------------------------------------------------------------------

    def _on_news(self, provider: Provider) -> None:
        news = provider.ledger.take()
        self._news.set()
        if self._providers.get(provider.key) is not provider:
            return
        self._metrics.received.labels(self._name).inc(news.received)
        for reason, count in news.failures.items():
            self._metrics.failures.labels(self._name, *provider.labels(), reason).inc(count)
        if news.skipped:
            self._metrics.skipped.labels(self._name, *provider.labels()).inc(news.skipped)
        self._metrics.up.labels(self._name, *provider.labels()).set(provider.ledger.state in {State.OK, State.FINISHED})
        for job in provider.jobs:
            self._take_over(self._jobs[job], provider, news)

    def _take_over(self, subscriber: Subscriber, provider: Provider, news: News) -> None:
        due, held = subscriber.due, len(subscriber.held)
        if news.received:
            subscriber.confirm(provider)
        changed = news.changed and subscriber.offer(provider)
        if subscriber.release() or changed:
            self._mark(subscriber.job)
        if subscriber.due != due:
            self._await_hold(subscriber)
        if len(subscriber.held) > held:
            self._metrics.holds.labels(self._name, subscriber.job).inc()
        self._show(subscriber.job)

    def _show(self, job: str) -> None:
        subscriber = self._jobs[job]
        self._metrics.show_limits(self._name, job, subscriber.held, subscriber.restored)

    def _mark(self, job: str) -> None:
        if self._pacing.mark(job, self._clock.monotonic()):
            self._metrics.delayed.labels(self._name).inc()
        self._wake.set()

    def _count(self, jobs: frozenset[str]) -> None:
        self._metrics.updates.labels(self._name).inc()
        for job in jobs:
            targets = sum(len(one.group.targets) for one in self.groups(job))
            self._metrics.targets.labels(self._name, job).set(targets)
            self._metrics.last_update.labels(self._name, job).set(self._clock.now())

    def _on_block(self, lane: ThreadLane, owner: Run | None, stack: str) -> None:
        """Somebody keeps a lane: name them, leave them the lane, and take the others elsewhere."""
        residents = [provider for provider in self._providers.values() if provider.lane is lane]
        if owner is None and len(residents) == 1:
            owner = residents[0].run
        for provider in [provider for provider in residents if provider.run is owner]:
            text = f"blocks the event loop for more than {self._settings.block_limit:g} s at {stack}"
            provider.ledger.set_blocked(blocked=True)
            if provider.ledger.fail(provider.ledger.run, "blocked", text, state=None):
                provider.log.warning("Discovery blocks its event loop", extra={"reason": "blocked", "err": text})
        self._lanes.leave(lane)
        for provider in [provider for provider in residents if provider.run is not owner]:
            self._move(provider, lane, named=owner is not None)
        self._lanes.close_idle()

    def _move(self, provider: Provider, lane: Lane, *, named: bool) -> None:
        """Build an innocent anew elsewhere; its old run hears of its end when the lane is free again."""
        run = provider.run
        if run is not None:
            lane.withdraw(run)
        if provider.ledger.state is State.FINISHED:
            provider.lane = None
            return
        fresh = self._build(provider)
        if fresh is not None:
            self._start(provider, fresh, self._lanes.shared() if named else self._lanes.own())

    def _on_answer(self, lane: ThreadLane) -> None:
        for provider in self._providers.values():
            if provider.lane is lane:
                provider.ledger.set_blocked(blocked=False)
                provider.log.info("Discovery gives its event loop back")
                self._on_news(provider)
