"""All targets of one job: which loops run, and what a loop keeps when targets or the configuration change.

A target that stays keeps its timer, its connection and its series cache; one that went is marked as ended after its
next slot, one more interval, and a tenth, unless it came back by then. All methods are for the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import islice

from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.config.scrape import ScrapeConfig
from narthex.errors import StorageError
from narthex.http.client import HttpClient
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.plugins.catalog import Catalog
from narthex.relabel.rules import Rules
from narthex.scrape.batches import Batches
from narthex.scrape.cache import CacheOptions, SeriesCache
from narthex.scrape.formats import Formats, HistogramSwitches, ScrapeFeatures
from narthex.scrape.identity import LabelLimits, SeriesIdentity
from narthex.scrape.loop import EXTRA_REPORTS, REPORTS, LoopSettings, ScrapeLoop
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.resolution import Resolution
from narthex.scrape.row import Row
from narthex.scrape.slots import Slots
from narthex.scrape.status import PoolStatus
from narthex.scrape.templates import Common
from narthex.storage.protocol import Storage, StoresMetadata
from narthex.targets import TargetSet

__all__ = ["ScrapePool"]

log = logging.getLogger(__name__)

AT_ONCE = 100
"""New targets of one update that are scraped as soon as they are known, and not only in their slot, up to an interval
later. The rest of a larger update waits for its slots, which spread it; so does the first set after a start."""
SLICE = 1000
"""New loops that are started at a time; 15 ms."""
BEGINNING = 30.0
"""Seconds after which a job's first targets are no longer those of the start."""

_KEEPS_CACHE = {"scrape_interval", "scrape_timeout", "sample_limit", "http"}
"""Settings that may change without a new series cache; target relabeling and discovery work through the targets."""
_OTHER_STAGES = {
    "relabel_configs",
    "discovery",
    "narthex",
    "target_limit",
    "keep_dropped_targets",
    "params",
    "metrics_path",
    "scheme",
}


class _Running:
    """A loop and its task."""

    __slots__ = ("loop", "task")

    def __init__(self, loop: ScrapeLoop, task: asyncio.Task[None]) -> None:
        self.loop = loop
        self.task = task


class ScrapePool:
    """The loops of one job. ``seed`` is the server's (:func:`narthex.scrape.slots.server_seed`)."""

    def __init__(  # noqa: PLR0913 -- one for each part it works with
        self,
        config: ScrapeConfig,
        metric_rules: Rules,
        *,
        storage: Storage,
        catalog: Catalog,
        clock: Clock,
        metrics: ScrapeMetrics,
        make_client: Callable[[HttpConfig], HttpClient],
        seed: int = 0,
        features: ScrapeFeatures = ScrapeFeatures(),  # noqa: B008 -- frozen
        batches: Batches | None = None,
    ) -> None:
        self._storage = storage
        self._kinds = [contribution.kind for contribution in catalog.scrape.values()]
        self._clock = clock
        self._metrics = metrics
        self._make_client = make_client
        self._seed = seed
        self._features = features
        self._batches = batches
        self._running: dict[Hashable, _Running] = {}
        self._ending: dict[Hashable, tuple[ScrapeLoop, asyncio.Task[None]]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._common = Common()
        self._found = TargetSet(config.job_name)
        self._settled = clock.monotonic() + BEGINNING
        self._task_name = f"scrape of {config.job_name}"
        self._urgent = 0
        self._spent = 0.0
        self._by_key = False
        """Whether the next set cannot be told from this one by the objects in it."""
        self._forced_error = ""
        self._waiting: dict[Hashable, Target] = {}
        self._rest: asyncio.Handle | None = None
        self._config = config
        self._rules = metric_rules
        self._settings = self._make_settings(make_client(config.http))
        metrics.pools.inc()
        metrics.target_limit.labels(config.job_name).set(config.target_limit)

    # --- what the server does -----------------------------------------------------------------------------------------

    def sync(self, found: TargetSet, spent: float = 0.0) -> None:
        """Scrape these targets from now on. ``spent`` seconds went into finding them, to be counted with the rest."""
        start = time.perf_counter()
        before, self._found = self._found.active, found
        came, went = self._changes(before, found.active)
        for key in went:
            if self._waiting.pop(key, None) is None and key in self._running:
                self._retire(key)
        self._urgent = AT_ONCE if self._running or self._clock.monotonic() >= self._settled else 0
        for key, target in came.items():
            running = self._running.get(key)
            if running is None:
                self._waiting[key] = target
            elif running.loop.target != target:
                self._adjust(running.loop, target)
            else:
                running.loop.rename(target)
        self._check_limit(len(self._running) + len(self._waiting))
        self._spent = spent + time.perf_counter() - start
        self._start_waiting()

    def reload(self, config: ScrapeConfig, metric_rules: Rules) -> None:
        """Use another configuration, keeping what it allows to keep; the targets follow with :meth:`sync`."""
        start = time.perf_counter()
        before, self._config, self._rules = self._config, config, metric_rules
        client = self._settings.client
        if before.http != config.http:
            self._close_later(client)
            client = self._make_client(config.http)
        self._settings = self._make_settings(client)
        keeps = _cache_fields(before) == _cache_fields(config)
        for running in self._running.values():
            loop = running.loop
            if not loop.has_cache:
                pass  # it will be made for the configuration of then
            elif keeps:
                loop.cache.options = self._options()
                loop.cache.reread()
            else:
                successor = self._cache(loop.target, loop.slots)
                successor.succeed(loop.cache)
                loop.cache = successor
            loop.configure(loop.target, loop.slots, self._settings_of(loop.target))
        self._metrics.reloads.inc()
        self._metrics.target_limit.labels(config.job_name).set(config.target_limit)
        self._metrics.reload_length.labels(str(config.scrape_interval)).observe(time.perf_counter() - start)

    def status(self) -> PoolStatus:
        """Every target's state."""
        kept = self._config.keep_dropped_targets
        dropped = self._found.dropped
        return PoolStatus(
            self._config.job_name,
            [running.loop.status() for running in self._running.values()],
            dropped[:kept] if kept else dropped,
            len(dropped),
            self._found.failed,
        )

    async def retire(self) -> None:
        """The job is gone: stop scraping; the series are marked as ended in time, by tasks that go on alone."""
        self._drop_waiting()
        for key in list(self._running):
            self._retire(key)
        for metric in (self._metrics.targets, self._metrics.target_limit):
            with contextlib.suppress(KeyError):
                metric.remove(self._config.job_name)
        await self._settings.client.close()

    async def stop(self) -> None:
        """The server stops: end all loops at once, without staleness markers."""
        self._drop_waiting()
        tasks = [running.task for running in self._running.values()]
        tasks += [task for _, task in self._ending.values()]
        tasks += self._closing
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for running in self._running.values():
            if running.loop.has_cache:
                running.loop.cache.close()
        self._running, self._ending = {}, {}
        await self._settings.client.close()

    # --- one target ---------------------------------------------------------------------------------------------------

    def _changes(
        self, before: Sequence[Target], after: Sequence[Target]
    ) -> tuple[dict[Hashable, Target], list[Hashable]]:
        """Targets that are other objects than before, by key, and the keys that are wanted no more.

        Most targets are the objects they were, and these are told apart by identity alone: of 100,000 that takes 20 ms,
        going by their keys 170. Keys it is where two targets share one (they differ in timing only, and the last
        counts), and after a sync that failed.
        """
        old, new = set(map(id, before)), set(map(id, after))
        fresh = [target for target in after if id(target) not in old]
        came: dict[Hashable, Target] = {target.steady: target for target in fresh}
        gone: set[Hashable] = {target.steady for target in before if id(target) not in new}
        taken = (came.keys() & self._running.keys()) | (came.keys() & self._waiting.keys())
        if self._by_key or len(came) < len(fresh) or not taken <= gone:
            came = {target.steady: target for target in after}
            gone = {*self._running, *self._waiting}
            self._by_key = len(came) < len(after)
        return came, [key for key in gone if key not in came]

    def _start_waiting(self) -> None:
        """Start new loops, some at a time, so that 100,000 of them do not keep the event loop for seconds."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        start = time.perf_counter()
        by_key, self._by_key = self._by_key, True  # if this fails, the next sync looks at everything
        for key in list(islice(self._waiting, SLICE)):
            self._start(key, self._waiting.pop(key))
        self._by_key = by_key
        self._spent += time.perf_counter() - start  # what others do in between is not counted
        if self._waiting:
            self._rest = asyncio.get_running_loop().call_soon(self._start_waiting)
        else:
            self._count_sync(self._spent)

    def _start(self, key: Hashable, target: Target) -> None:
        slots = self._slots(target)
        ended = self._ending.pop(key, None)
        if ended is not None:  # it came back in time: nothing has ended
            loop, task = ended
            task.cancel()
            self._adjust(loop, target)
        else:
            settings = self._settings_of(target)
            loop = ScrapeLoop(target, slots, self._cache, settings, self._clock, self._metrics)
        loop.forced_error = self._forced_error
        at_once = ended is None and self._urgent > 0
        self._urgent -= at_once
        task = asyncio.create_task(loop.run(at_once=at_once), name=self._task_name)
        self._running[key] = _Running(loop, task)

    def _drop_waiting(self) -> None:
        self._waiting = {}
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _adjust(self, loop: ScrapeLoop, target: Target) -> None:
        """The same target with another timing."""
        slots = loop.slots if target.interval == loop.target.interval else self._slots(target)
        if loop.has_cache:
            loop.cache.move(slots.interval, slots.offset)
        loop.configure(target, slots, self._settings_of(target))

    def _retire(self, key: Hashable) -> None:
        running = self._running.pop(key)
        running.task.cancel()
        if not running.loop.has_cache:
            return  # it was never scraped, so nothing has ended
        running.loop.cache.close()
        name = f"end of {running.task.get_name()}"
        self._ending[key] = (running.loop, asyncio.create_task(self._end(key, running.loop), name=name))

    async def _end(self, key: Hashable, loop: ScrapeLoop) -> None:
        slots = loop.slots
        marker = slots.after(self._clock.now() * 1000)
        await self._clock.sleep((marker + 1.1 * slots.interval) / 1000 - self._clock.now())
        del self._ending[key]
        try:
            loop.cache.end(marker)
        except StorageError as error:
            log.warning("staleness markers of a removed target could not be stored", extra={"err": str(error)})

    def _slots(self, target: Target) -> Slots:
        return Slots.of(target.interval, target.hash64, self._seed)

    def _cache(self, target: Target, slots: Slots) -> SeriesCache:
        config = self._config
        limits = LabelLimits(config.label_limit, config.label_name_length_limit, config.label_value_length_limit)
        legacy = config.metric_name_validation_scheme == "legacy"
        identity = SeriesIdentity(target.public, self._rules, config.honor_labels, limits, legacy)
        names = REPORTS + EXTRA_REPORTS if config.extra_scrape_metrics else REPORTS
        row = Row(self._storage, slots.interval, slots.offset, [identity.report(name) for name in names])
        return SeriesCache(row, identity, self._options(), self._common)

    # --- what the configuration means ---------------------------------------------------------------------------------

    def _options(self) -> CacheOptions:
        config = self._config
        return CacheOptions(
            config.honor_timestamps,
            config.track_timestamps_staleness,
            config.sample_limit,
            Resolution(config.native_histogram_bucket_limit, config.native_histogram_min_bucket_factor),
            self._features.starts,
            self._features.exemplars,
            self._storage if isinstance(self._storage, StoresMetadata) else None,
        )

    def _make_settings(self, client: HttpClient) -> LoopSettings:
        """The settings of targets that go by the job's switches."""
        self._by_switches: dict[HistogramSwitches, LoopSettings] = {}
        config = self._config
        formats = Formats(self._kinds, config, HistogramSwitches.of(config, Labels({})), self._features)
        return LoopSettings(
            client,
            formats.choose,
            formats.accept,
            config.enable_compression,
            config.body_size_limit,
            bool(config.extra_scrape_metrics),
            self._batches,
        )

    def _settings_of(self, target: Target) -> LoopSettings:
        """The job's settings, with the switches of histograms as the target's labels have them."""
        switches = HistogramSwitches.of(self._config, target.labels)
        found = self._by_switches.get(switches)
        if found is None:
            formats = Formats(self._kinds, self._config, switches, self._features)
            found = replace(self._settings, choose=formats.choose, accept=formats.accept)
            self._by_switches[switches] = found
        return found

    def _check_limit(self, targets: int) -> None:
        limit = self._config.target_limit
        error = ""
        if limit and targets > limit:
            error = f"target_limit exceeded (number of targets: {targets}, limit: {limit})"
            self._metrics.exceeded_target_limit.inc()
        if error != self._forced_error:
            for running in self._running.values():
                running.loop.forced_error = error
        self._forced_error = error

    def _count_sync(self, seconds: float) -> None:
        job, metrics = self._config.job_name, self._metrics
        metrics.targets.labels(job).set(len(self._running))
        metrics.syncs.labels(job).inc()
        metrics.sync_failed.labels(job).inc(len(self._found.failed))
        metrics.sync_length.labels(job).observe(seconds)
        metrics.sync_histogram.labels(job).observe(seconds)

    def _close_later(self, client: HttpClient) -> None:
        """Close a client that running scrapes may still use, once these must have ended."""
        longest = max((one.loop.target.timeout for one in self._running.values()), default=0)

        async def close() -> None:
            try:
                await self._clock.sleep(longest / 1000)
            finally:
                await client.close()

        task = asyncio.create_task(close(), name="close HTTP client")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _cache_fields(config: ScrapeConfig) -> ScrapeConfig:
    """The configuration less everything that a series cache survives."""
    plain = ScrapeConfig(config.job_name)
    return replace(config, **{name: getattr(plain, name) for name in _KEEPS_CACHE | _OTHER_STAGES})
