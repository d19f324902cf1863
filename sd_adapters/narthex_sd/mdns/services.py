"""Which instances are announced, what is known of them, and what has changed since last asked.

The browser reports a name at a time; the rest is usually in its cache by then. Where it is not, the instance is asked
for in the background until it answers or says goodbye, and nobody else waits for it.

Every instance that was reported is looked at once more a moment later. When an address changes, the new one is reported
while the old one is still good; that it goes, a second later (RFC 6762 §10.2), is reported to nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from narthex.clock import Clock
from narthex.model.targetgroup import TargetGroup

__all__ = ["Services"]

Load = Callable[[str, str], TargetGroup | None]
"""From service type and name to the group, as far as known; None where records are missing."""

Ask = Callable[[str, str], Awaitable[bool]]
"""Asks the network for the missing records; whether :data:`Load` has something now."""

_PAUSE = 3.0
_LONGEST_PAUSE = 60.0
_FLUSH = 2.0


class Services:
    """One browse. Used on one event loop; :meth:`close` ends what it has started."""

    def __init__(self, load: Load, ask: Ask, clock: Clock) -> None:
        self.changed = asyncio.Event()
        """Set when :meth:`take` may have something to tell."""
        self._load = load
        self._ask = ask
        self._clock = clock
        self._types: dict[str, tuple[str, str]] = {}
        self._dirty: dict[str, None] = {}
        self._groups: dict[str, TargetGroup] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._recent: set[str] = set()
        self._second_look: asyncio.Task[None] | None = None

    def announced(self, kind: str, name: str) -> None:
        """An instance is there, or something about it is new."""
        self._types[name.lower()] = (kind, name)
        self._touch(name.lower())
        self._recent.add(name.lower())
        if self._second_look is None or self._second_look.done():
            self._second_look = asyncio.create_task(self._look_again(), name="look again")

    def gone(self, name: str) -> None:
        """An instance said goodbye, or its announcement ran out."""
        self._types.pop(name.lower(), None)
        self._touch(name.lower())

    def take(self) -> list[TargetGroup]:
        """The groups that differ from those taken before, retractions included."""
        self.changed.clear()
        dirty, self._dirty = self._dirty, {}
        return [group for source in dirty if (group := self._news(source)) is not None]

    async def close(self) -> None:
        """Stop asking."""
        tasks = [*self._asking.values(), *([self._second_look] if self._second_look else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _look_again(self) -> None:
        while self._recent:
            recent, self._recent = self._recent, set()
            await self._clock.sleep(_FLUSH)
            for source in recent & self._types.keys():
                self._touch(source)

    def _touch(self, source: str) -> None:
        self._dirty[source] = None
        self.changed.set()

    def _news(self, source: str) -> TargetGroup | None:
        if source not in self._types:
            self._stop_asking(source)
            return TargetGroup(source) if self._groups.pop(source, None) is not None else None
        group = self._load(*self._types[source])
        if group is None:  # what was known before stays in force until the answer comes
            self._start_asking(source)
            return None
        self._stop_asking(source)
        before = self._groups.get(source, TargetGroup(source))
        if group.is_retraction:
            self._groups.pop(source, None)
        else:
            self._groups[source] = group
        return group if group != before else None

    def _start_asking(self, source: str) -> None:
        if source not in self._asking:
            self._asking[source] = asyncio.create_task(self._until_known(source), name=f"resolve {source}")

    def _stop_asking(self, source: str) -> None:
        task = self._asking.pop(source, None)
        if task is not None:
            task.cancel()

    async def _until_known(self, source: str) -> None:
        pause = _PAUSE
        while not await self._ask(*self._types[source]):
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._touch(source)
