"""Runs a program, again and again or all the time, and publishes the lists that it prints.

Whatever goes wrong is a failure of the whole list: the groups stay, and the supervisor starts the program again, ever
more slowly while it keeps failing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from narthex.discovery.metrics import shared
from narthex.discovery.refresh import refresh
from narthex.discovery.skipping import Skipping
from narthex.discovery.waiting import within
from narthex.errors import DiscoveryError
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_sd.exec.complaints import Complaints
from narthex_sd.exec.config import ExecConfig
from narthex_sd.exec.labels import groups_of
from narthex_sd.exec.metrics import ExecMetrics
from narthex_sd.exec.output import LatestLine, Whole
from narthex_sd.exec.process import Program, ending, start

__all__ = ["PolledProgram", "StreamingProgram"]

_SMALL = 32 * 1024
"""Bytes that are parsed faster (about 1 ms) than handed to a thread without being missed on the event loop."""


class _Runner:
    """Starts the program of one block and tells why it failed."""

    def __init__(self, config: ExecConfig, context: BuildContext) -> None:
        self.config = config
        self.clock = context.clock
        self._metrics = shared(ExecMetrics, context.registry)
        self._skipping = Skipping(context)
        self._complaints = Complaints(config.command[0], context.log, context.clock, self._metrics.stderr_lines)

    @asynccontextmanager
    async def running(self, output: Whole | LatestLine) -> AsyncIterator[Program]:
        """The program while it runs; gone afterwards. Failures within are counted."""
        self._complaints.begin()
        try:
            self._metrics.starts.inc()
            program = await start(self.config, output.feed, self._complaints.feed)
            try:
                yield program
            finally:
                await program.stop()
                self._complaints.end()
        except Exception:
            self._metrics.failures.inc()
            raise

    def failure(self, what: str) -> DiscoveryError:
        """An error that also says what the program said last."""
        self._complaints.end()
        last = f"; it said last: {self._complaints.last}" if self._complaints.last else ""
        return DiscoveryError(f"the program {self.config.command[0]} {what}{last}")

    async def read(self, text: bytes) -> tuple[TargetGroup, ...]:
        """The groups of one list."""
        program, skipped = self.config.command[0], self._skipping.begin()
        if len(text) <= _SMALL:
            groups = groups_of(text, program, skipped)
        else:
            groups = await asyncio.to_thread(groups_of, text, program, skipped)
        self._skipping.end(program, skipped)
        return groups


class PolledProgram:
    """A block in mode ``refresh``: the program's whole output is one list."""

    def __init__(self, config: ExecConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context
        self._runner = _Runner(config, context)

    async def run(self, publish: Publish) -> None:
        """Run the program every interval until cancelled, or until it fails."""
        await refresh(self._config.refresh_interval, self._fetch, self._context).run(publish)

    async def _fetch(self) -> tuple[TargetGroup, ...]:
        output, runner = Whole(self._config.output_limit), self._runner
        async with runner.running(output) as program:
            limit = self._config.timeout.seconds
            if not await within(self._context.clock, limit, asyncio.wait({program.ended})):
                raise runner.failure(f"did not end within {self._config.timeout}")
            if program.failure is not None:
                raise program.failure
            if status := program.ended.result():
                raise runner.failure(ending(status))
            return await runner.read(output.take())


class StreamingProgram:
    """A block in mode ``stream``: each line is the whole list as of now."""

    def __init__(self, config: ExecConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context
        self._runner = _Runner(config, context)

    async def run(self, publish: Publish) -> None:
        """Publish line by line until cancelled. Raises ``DiscoveryError`` when the program ends."""
        lines = LatestLine(self._config.output_limit)
        known: frozenset[str] = frozenset()
        limit = self._config.timeout.seconds or None
        async with self._runner.running(lines) as program:
            program.ended.add_done_callback(lambda _: lines.news.set())  # nothing more to wait for
            while True:
                groups = await self._runner.read(await self._next(program, lines, limit))
                sources = frozenset(group.source for group in groups)
                publish([*groups, *(TargetGroup(source) for source in sorted(known - sources))])
                known, limit = sources, None

    async def _next(self, program: Program, lines: LatestLine, limit: float | None) -> bytes:
        """The next line. Raises ``DiscoveryError`` where none comes any more, or not in time."""
        in_time = program.ended.done() or await within(self._context.clock, limit, lines.news.wait())
        line = lines.take()  # looked for first: the last one may have come together with the end
        if line is not None:
            return line
        if not in_time:
            raise self._runner.failure(f"printed no line within {self._config.timeout}")
        raise program.failure or self._runner.failure(ending(program.ended.result()))


_: tuple[type[Discoverer], ...] = (PolledProgram, StreamingProgram)
