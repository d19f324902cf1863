"""All rule groups, and how they change while the server runs.

A reload is all or nothing: every new group is built, which parses every expression, before any old one is stopped.
Groups whose definition is equal go on untouched; a changed one takes over the state of its rules; a removed one leaves
its series, which end two intervals later unless another rule writes them by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from narthex.config.rulefile import RuleFile
from narthex.errors import ConfigError, ParseError, Problem
from narthex.model.labels import Labels
from narthex.rules.definition import GroupDefinition, definitions
from narthex.rules.group import Group, Services
from narthex.rules.options import RuleOptions
from narthex.rules.series import write_stale
from narthex.rules.status import GroupStatus

__all__ = ["RuleSet"]

log = logging.getLogger(__name__)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Running:
    group: Group
    task: asyncio.Task[None]


class RuleSet:
    """The groups that run. Starts empty; :meth:`apply` gives it rules, :meth:`stop` ends it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[Key, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._applying = asyncio.Lock()
        self._started = False

    def groups(self) -> list[GroupStatus]:
        """Every group as it stands now, sorted by file, in file order within."""
        running = sorted(self._running.items(), key=lambda item: item[0][0])  # stable: the order of a file is kept
        return [one.group.status() for _, one in running]

    async def apply(self, files: Mapping[str, RuleFile], options: RuleOptions) -> None:
        """Run the groups of these files, by path, and no others.

        Raises ``ConfigError`` for an expression that does not parse; then everything stays as it was.
        """
        async with self._applying:
            wanted = {one.key: one for one in definitions(files, options)}
            fresh = self._build(wanted)
            await self._retire([key for key in self._running if key not in wanted])
            await asyncio.gather(*(self._replace(key, group) for key, group in fresh.items()))
            self._running = {key: self._running[key] for key in wanted}
            self._started = True

    async def stop(self) -> None:
        """End every group after the evaluation it is in. No series is marked as ended: the server will be back."""
        async with self._applying:
            for task in self._ending:
                task.cancel()
            await asyncio.gather(*self._ending, return_exceptions=True)
            await asyncio.gather(*(self._halt(one) for one in self._running.values()))
            for one in self._running.values():
                one.group.close()
            self._running = {}

    # --- steps of a reload --------------------------------------------------------------------------------------------

    def _build(self, wanted: Mapping[Key, GroupDefinition]) -> dict[Key, Group]:
        """Groups that are new or changed. Raises ``ConfigError`` with every expression that is wrong."""
        fresh: dict[Key, Group] = {}
        problems: list[Problem] = []
        for key, definition in wanted.items():
            old = self._running.get(key)
            if old is not None and old.group.definition == definition:
                continue
            try:
                fresh[key] = Group(definition, self._services, restored=self._started)
            except ParseError as error:
                problems.append(Problem(definition.file, 0, 0, f"group {definition.name!r}", str(error)))
        if problems:
            raise ConfigError(tuple(problems))
        return fresh

    async def _replace(self, key: Key, group: Group) -> None:
        old = self._running.get(key)
        if old is not None:
            await self._halt(old)
            group.adopt(old.group)
            old.group.close()
        definition = group.definition
        self._services.metrics.add(definition.title, definition.interval, len(group.rules))
        self._running[key] = _Running(group, asyncio.create_task(group.run(), name=f"rules {definition.title}"))

    async def _retire(self, keys: list[Key]) -> None:
        gone = [self._running.pop(key) for key in keys]
        await asyncio.gather(*(self._halt(one) for one in gone))
        for one in gone:
            definition = one.group.definition
            self._services.metrics.remove(definition.title)
            task = asyncio.create_task(self._end_series(definition, one.group.close()))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _halt(self, running: _Running) -> None:
        running.group.stop()
        await asyncio.gather(running.task, return_exceptions=True)

    async def _end_series(self, definition: GroupDefinition, series: list[Labels]) -> None:
        """Two intervals after a group is gone, end what it wrote; a rule that moved has written again by then."""
        clock = self._services.clock
        await clock.sleep(2 * definition.interval / 1000)
        alive = {one for running in self._running.values() for one in running.group.live()}
        ended = [one for one in series if one not in alive]
        try:
            write_stale(
                self._services.storage, ended, definition.interval, int(clock.now() * 1000) - definition.query_offset
            )
        except Exception as error:  # noqa: BLE001 -- nobody awaits this task, so here is where it is told
            log.warning("series of a removed group could not be ended: %s", error, extra={"group": definition.name})
