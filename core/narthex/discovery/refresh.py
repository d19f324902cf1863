"""Polling: most mechanisms are just an async function from a configuration to groups, asked again and again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from narthex.config.types import Duration
from narthex.discovery.metrics import RefreshMetrics, shared
from narthex.discovery.waiting import within
from narthex.errors import DiscoveryError, NarthexError
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex.plugins.failure import describe

__all__ = ["refresh"]

_PATIENCE = 120.0
"""Seconds that every fetch has at least, however short the interval."""

Fetch = Callable[[], Awaitable[Sequence[TargetGroup]]]


def refresh(interval: Duration, fetch: Fetch, context: BuildContext) -> Discoverer:
    """A discoverer that publishes what ``fetch`` returns, at once and then every ``interval``.

    ``fetch`` returns the full set; a source that an earlier answer had and the newest lacks is retracted. When it
    raises, the groups stay, the failure is counted and handed to the supervisor, which logs it when it begins and
    tries again soon, after the interval at the latest. So it is with a ``fetch`` that takes longer than twice the
    interval, and two minutes. Turns do not overlap; one that takes longer than the interval skips those it missed.
    """
    return _Refresh(interval.seconds, fetch, context)


class _Refresh:
    def __init__(self, interval: float, fetch: Fetch, context: BuildContext) -> None:
        self._interval = interval
        self._fetch = fetch
        self._clock = context.clock
        metrics = shared(RefreshMetrics, context.registry)
        mechanism = context.name.partition("/")[0]
        self._failures = metrics.failures.labels(mechanism, context.job)
        self._duration = metrics.duration.labels(mechanism, context.job)
        self._histogram = metrics.histogram.labels(mechanism)

    async def run(self, publish: Publish) -> None:
        """Poll until cancelled, or until a refresh fails."""
        turn = self._clock.monotonic()
        known: frozenset[str] = frozenset()
        while True:
            groups = await self._ask()
            sources = frozenset(group.source for group in groups)
            publish([*groups, *(TargetGroup(source) for source in sorted(known - sources))])
            known = sources
            turn += self._interval
            now = self._clock.monotonic()
            if turn < now:
                turn += self._interval * math.ceil((now - turn) / self._interval)
            await self._clock.sleep(turn - now)

    async def _ask(self) -> Sequence[TargetGroup]:
        begin = self._clock.monotonic()
        try:
            return await self._fetch_in_time()
        except Exception as error:
            self._failures.inc()
            text = str(error) if isinstance(error, NarthexError) else describe(error)
            raise DiscoveryError(text, retry_within=self._interval) from error
        finally:
            took = self._clock.monotonic() - begin
            self._duration.observe(took)
            self._histogram.observe(took)

    async def _fetch_in_time(self) -> Sequence[TargetGroup]:
        """One answer. A fetch that hangs would keep old targets for ever without a word, so it fails in the end."""
        limit = max(2 * self._interval, _PATIENCE)
        fetching = asyncio.ensure_future(self._fetch())
        try:
            if not await within(self._clock, limit, asyncio.wait([fetching])):
                raise DiscoveryError(f"no answer after {limit:g} s")
            return tuple(fetching.result())
        finally:
            fetching.cancel()
            await asyncio.wait([fetching])  # it may have to clean up, and nobody else waits for that
