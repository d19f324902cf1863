"""What is known of the services so far, and when it may be published.

The first publish of a run is the full set: whatever it lacks is retracted. So it waits until every service has been
heard of once. Where some cannot be asked, it does not wait for ever: after a while the others are published without
them, which is what a mechanism that starts with nothing would do at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from narthex.errors import DiscoveryError
from narthex.kinds import Publish
from narthex.model.targetgroup import TargetGroup

__all__ = ["CATALOG", "Inventory"]

CATALOG = ""
"""The query that tells which services there are; no service has an empty name."""

Log = logging.LoggerAdapter[logging.Logger]


class Inventory:
    """Decides what is published when. Failures are logged when the first begins and when the last has ended."""

    def __init__(self, publish: Publish, log: Log, trouble: Callable[[str, str], None]) -> None:
        self._publish = publish
        self._log = log
        self._trouble = trouble
        self.is_open = False
        """Whether the first set is published."""
        self._held: dict[str, TargetGroup] = {}
        self._awaited: set[str] = set()
        self._failing: set[str] = set()

    @property
    def holds_groups(self) -> bool:
        """Whether groups wait for the first publish."""
        return bool(self._held)

    def expect(self, services: Iterable[str]) -> None:
        """These are going to be asked for; called before the first of them can answer."""
        if not self.is_open:
            self._awaited.update(services)
            self._open_if_complete()

    def take(self, group: TargetGroup) -> None:
        """A service's newest instances."""
        self.works(group.source)
        if self.is_open:
            self._publish([group])
            return
        self._held[group.source] = group
        self._awaited.discard(group.source)
        self._open_if_complete()

    def drop(self, services: Sequence[str]) -> None:
        """Services are wanted no more. They go in one publish, so that limits on what may go see all of it."""
        for service in services:
            self.works(service)
            self._held.pop(service, None)
            self._awaited.discard(service)
        if self.is_open and services:
            self._publish([TargetGroup(service) for service in services])
        elif not self.is_open:
            self._open_if_complete()

    def failed(self, query: str, error: DiscoveryError) -> None:
        """A query (a service's name, or ``CATALOG``) failed. Raises the error when nothing at all is known."""
        if not self.is_open and not self._held and self._awaited <= {*self._failing, query}:
            raise error
        extra = {"query": query or "(catalog)", "err": str(error)}
        if not self._failing:
            self._log.warning("Consul cannot be asked; the old targets stay", extra=extra)
        else:
            self._log.debug("Consul cannot be asked", extra=extra)
        self._failing.add(query)
        self._trouble(_part(query), str(error))

    def works(self, query: str) -> None:
        """A query was answered."""
        if query in self._failing:
            self._failing.discard(query)
            self._trouble(_part(query), "")
            if not self._failing:
                self._log.info("Consul answers again")

    def open(self) -> None:
        """Publish what is known, complete or not."""
        if self.is_open:
            return
        if self._awaited:
            missing = ", ".join(sorted(self._awaited))
            self._log.warning("Targets are published without those of some services", extra={"services": missing})
        self._publish(list(self._held.values()))
        self.is_open = True
        self._held.clear()
        self._awaited.clear()

    def _open_if_complete(self) -> None:
        if not self._awaited:
            self.open()


def _part(query: str) -> str:
    return f"service {query}" if query else "the catalog"
