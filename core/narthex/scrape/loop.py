"""One target's loop: wait for the slot, fetch, append; never two at once.

A loop is told things by its pool (another configuration, an error forced by ``target_limit``) and tells its state.
Whatever happens to a scrape, one row is appended: ``up`` and the other report series stand in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

from narthex.clock import Clock
from narthex.errors import NarthexError, StorageError
from narthex.http.client import HttpClient
from narthex.http.errors import BodyLimitError
from narthex.kinds import ScrapeKind
from narthex.model.target import Target
from narthex.scrape.batches import SHORTEST, Batches
from narthex.scrape.cache import SampleLimitError, SeriesCache
from narthex.scrape.identity import LabelLimitError
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.resolution import BucketLimitError
from narthex.scrape.slots import Slots
from narthex.scrape.status import Health, TargetStatus

__all__ = ["EXTRA_REPORTS", "REPORTS", "LoopSettings", "ScrapeLoop"]

log = logging.getLogger(__name__)

REPORTS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
EXTRA_REPORTS = ("scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes")

NEAR = 1000
"""Milliseconds: a target that is scraped in its slot so soon anyway is not scraped before."""

_NOTHING = ScrapeKind(name="empty", protocols=(), media_types=(), parse=lambda _body, _type: ())
"""Reads an empty body, which is a success whatever its type."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What all loops of a pool share.

    ``choose`` gives the kind that reads a content type or raises ``ScrapeError``; ``accept`` is the ``Accept`` header;
    ``body_size_limit`` (0: none) is in bytes. Bodies are read in ``batches``, if there are any.
    """

    client: HttpClient
    choose: Callable[[str], ScrapeKind]
    accept: str
    compress: bool = True
    body_size_limit: int = 0
    extra_reports: bool = False
    batches: Batches | None = None


class ScrapeLoop:
    """Scrapes ``target`` into ``cache``. ``run`` it as a task; everything else may be called in between."""

    __slots__ = (
        "_batches", "_cache", "_clock", "_headers", "_health", "_intervals", "_last_duration",
        "_last_error", "_last_scrape", "_make_cache", "_metrics", "_seconds", "_settings", "_url", "forced_error",
        "slots", "target",
    )  # fmt: skip

    def __init__(
        self,
        target: Target,
        slots: Slots,
        make_cache: Callable[[Target, Slots], SeriesCache],
        settings: LoopSettings,
        clock: Clock,
        metrics: ScrapeMetrics,
    ) -> None:
        self._make_cache = make_cache
        self._cache: SeriesCache | None = None
        self.forced_error = ""
        self._clock = clock
        self._metrics = metrics
        self._health: Health = "unknown"
        self._last_error = ""
        self._last_scrape = 0
        self._last_duration = 0.0
        self.configure(target, slots, settings)

    @property
    def cache(self) -> SeriesCache:
        """The target's samples; made at the first scrape.

        Making one registers series, which for 100,000 new targets at once would keep the event loop for a minute.
        """
        if self._cache is None:
            self._cache = self._make_cache(self.target, self.slots)
        return self._cache

    @cache.setter
    def cache(self, cache: SeriesCache) -> None:
        self._cache = cache

    @property
    def has_cache(self) -> bool:
        """Whether it was ever scraped, or is about to be."""
        return self._cache is not None

    def configure(self, target: Target, slots: Slots, settings: LoopSettings) -> None:
        """Use other settings from the next scrape on; one that runs is not disturbed."""
        self.target = target
        self.slots = slots
        self._settings = settings
        self._seconds = target.timeout / 1000
        self._batches = settings.batches if target.interval >= SHORTEST else None
        # Made once: a scrape hands the same objects to the client every time.
        self._url: URL | None = None
        self._headers = _headers(settings.accept, settings.compress, self._seconds)
        self._intervals = self._metrics.intervals(target.interval)

    def status(self) -> TargetStatus:
        """The target's state, for the API."""
        families = self.cache.families if self.has_cache else {}
        return TargetStatus(
            self.target, self._health, self._last_error, self._last_scrape, self._last_duration, families
        )

    async def run(self, *, at_once: bool = False) -> None:
        """Scrape at every slot until cancelled; ``at_once`` also now, unless the first slot is near."""
        clock = self._clock
        before = 0.0
        if at_once and self.slots.after(clock.now() * 1000) - clock.now() * 1000 > NEAR:
            await self._attempt(int(clock.now() * 1000))
        slot = self.slots.after(clock.now() * 1000)
        while True:
            slots = self.slots
            await clock.sleep(slot / 1000 - clock.now())
            if slots is not self.slots:  # other slots since the wait began
                slot = self.slots.after(clock.now() * 1000)
                continue
            started = clock.now()
            if before:
                self._intervals.observe(started - before)
            before = started
            await self._attempt(slots.stamp(slot, started * 1000))
            slot = self.slots.following(slot, clock.now() * 1000)

    async def _attempt(self, timestamp: int) -> None:
        try:
            await self.scrape(timestamp)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 -- whatever it is, the next slot gets its chance
            self._stumble(problem)

    def rename(self, target: Target) -> None:
        """The same target as discovery sees it now: other discovered labels."""
        self.target = target

    async def scrape(self, timestamp: int) -> None:
        """Scrape once and append the row at ``timestamp`` (ms), or later where the clock was set back."""
        timestamp = max(timestamp, self._last_scrape + 1)
        start = self._clock.monotonic()
        error, size = "", 0
        try:
            body, kind, content_type = await self._fetch()
            size = len(body)
            if self._batches is not None:
                arrived = self._clock.monotonic()
                await self._batches.join(size)
                start += self._clock.monotonic() - arrived
            self.cache.take(body, kind, content_type, timestamp)
        except NarthexError as problem:
            error = str(problem)
            size = self._failed(problem, timestamp, size)
        except (Exception, SystemExit) as problem:  # a format's plugin may raise anything; the loop has to go on
            error = f"{type(problem).__name__}: {problem}"
            if error != self._last_error:
                log.exception("scrape failed unexpectedly", extra={"job": self.target.job, "target": self.target.url})
            self.cache.fail(timestamp)
        self._report(error, size, timestamp, self._clock.monotonic() - start)

    async def _fetch(self) -> tuple[bytes, ScrapeKind, str]:
        if self.forced_error:
            raise NarthexError(self.forced_error)
        settings = self._settings
        if self._url is None:
            self._url = URL(self.target.url, encoded=True)
        answer = await settings.client.request(
            "GET",
            self._url,
            seconds=self._seconds,
            headers=self._headers,
            limit=settings.body_size_limit,
            unix_socket=self.target.unix_socket,
        )
        if answer.status != 200:
            raise NarthexError(f"server returned HTTP status {answer.status} {answer.reason}")
        content_type = answer.headers.get("Content-Type", "")
        return answer.body, settings.choose(content_type) if answer.body else _NOTHING, content_type

    def _failed(self, problem: NarthexError, timestamp: int, size: int) -> int:
        """Stage the staleness markers, count the limit that was broken; the size of the body to report."""
        self.cache.fail(timestamp)
        if isinstance(problem, BodyLimitError):
            self._metrics.exceeded_body.inc()
            return -1
        if isinstance(problem, BucketLimitError):
            self._metrics.exceeded_buckets.inc()
        if isinstance(problem, SampleLimitError):
            self._metrics.exceeded_samples.inc()
        elif isinstance(problem, LabelLimitError):
            self._metrics.exceeded_label_limits.inc()
        return size

    def _report(self, error: str, size: int, timestamp: int, duration: float) -> None:
        counts = self.cache.counts
        reports = [float(not error), duration, counts.scraped, counts.kept, counts.added]
        if self._settings.extra_reports:
            reports += [self._seconds, self.cache.options.sample_limit, size]
        try:
            self._metrics.refused(counts, self.cache.commit(reports))
        except StorageError as problem:
            error = error or f"samples could not be stored: {problem}"
        self._metrics.duration.observe(duration)
        self._last_scrape, self._last_duration = timestamp, duration
        self._become("down" if error else "up", error)

    def _stumble(self, problem: BaseException) -> None:
        """A scrape ended in the middle: a bug here or in a plugin. Say it once, and trust nothing that was cached."""
        error = f"internal error: {type(problem).__name__}: {problem}"
        if error != self._last_error:
            log.error(
                "scrape broke off unexpectedly",
                extra={"job": self.target.job, "target": self.target.url},
                exc_info=problem,
            )
        self.cache.reread()
        self._health, self._last_error = "down", error

    def _become(self, health: Health, error: str) -> None:
        if health != self._health and (health == "down" or self._health == "down"):
            level = logging.WARNING if health == "down" else logging.INFO
            extra = {"job": self.target.job, "target": self.target.url, "err": error}
            log.log(level, "target is %s", health, extra=extra)
        self._health, self._last_error = health, error


@lru_cache(64)
def _headers(accept: str, compress: bool, seconds: float) -> Mapping[str, str]:  # noqa: FBT001 -- a key of the cache
    """The headers of a request, the same object for all targets of a job."""
    return {
        "Accept": accept,
        "Accept-Encoding": "gzip" if compress else "identity",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{seconds:.3f}".rstrip("0").rstrip("."),
    }
