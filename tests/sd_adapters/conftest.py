import asyncio
import contextlib

import pytest
from prometheus_client import CollectorRegistry

from narthex.errors import DiscoveryError
from narthex.testing.clock import FakeClock
from narthex.testing.discovery import Recorder, build_context


class Polled:
    """A polling discoverer, turn by turn: each ``turn`` is one refresh, and a failed run is begun again."""

    def __init__(self, build, name):
        self.clock = FakeClock()
        self.registry = CollectorRegistry()
        self.seen = Recorder()
        self._discoverer = build(build_context(name, self.clock, self.registry))
        self._task = None

    async def turn(self, seconds=60.0):
        """Let it ask once. Returns the error it raised, None where it published."""
        before = len(self.seen.published)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._discoverer.run(self.seen))
        else:
            await self.clock.advance(seconds)
        waiting = asyncio.create_task(self.seen.until(lambda seen: len(seen.published) > before, 30))
        await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await asyncio.wait({waiting})
        if len(self.seen.published) > before:
            return None
        error = self._task.exception()
        assert isinstance(error, DiscoveryError), error
        return error

    @property
    def addresses(self):
        """Every address in force, sorted."""
        return sorted(target["__address__"] for group in self.seen.groups.values() for target in group.targets)

    def count(self, metric, **labels):
        """A sample of the discoverer's own metrics; 0 where there is none."""
        return self.registry.get_sample_value(metric, labels) or 0

    async def close(self):
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


@pytest.fixture
async def polled():
    """Makes ``Polled`` from a builder and an instance name; all are stopped at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def make(build, name="test/0"):
            made = Polled(build, name)
            stack.push_async_callback(made.close)
            return made

        yield make
