"""Guards: what a test, or a plugin under a contract, must not do beside what it is asked to do.

Each guard watches a stretch of work and reports what it found; none needs pytest. The pytest plugin
(:mod:`narthex.testing.plugin`) puts them around tests, the contracts around every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic as real_monotonic

from narthex.testing.guards.blocking import BlockingGuard
from narthex.testing.guards.finding import Finding
from narthex.testing.guards.leaks import SocketGuard, TaskGuard, ThreadGuard
from narthex.testing.guards.network import NetworkGuard

__all__ = ["GUARDS", "Finding", "Guards"]

GUARDS = {
    "network": "no connection and no datagram leaves the machine, and no name but localhost is looked up",
    "blocking": "no callback keeps the event loop longer than the limit",
    "tasks": "no task is left when its event loop ends",
    "threads": "no thread is left",
    "sockets": "no socket is left open",
}
"""Every guard and what it asks for; a contract reports them as rules ``guard/<name>``."""


class Guards:
    """The guards of one process. Make it once: the network guard's hook stays until the process ends.

    ``block_limit`` is in seconds of ``monotonic``; ``allowed`` are addresses, networks (``10.0.0.0/8``) and host names
    that may be reached all the same.
    """

    def __init__(
        self,
        chosen: Collection[str] = tuple(GUARDS),
        *,
        block_limit: float = 2.0,
        allowed: Collection[str] = (),
        monotonic: Callable[[], float] = real_monotonic,
    ) -> None:
        if unknown := set(chosen) - GUARDS.keys():
            raise ValueError(f"unknown guard {min(unknown)!r}; there are {', '.join(GUARDS)}")
        self.chosen = frozenset(chosen)
        self._network = NetworkGuard(allowed)
        self._blocking = BlockingGuard(block_limit, monotonic)

    @contextmanager
    def watch(self, *, off: Collection[str] = (), allowed: Collection[str] = ()) -> Iterator[list[Finding]]:
        """Watch the block; the list fills as things happen, and is complete when the block is left."""
        found: list[Finding] = []
        chosen = self.chosen - set(off)
        with ExitStack() as stack:
            # Sockets and threads are looked at last, when everything else has been put away.
            if "sockets" in chosen:
                stack.enter_context(SocketGuard().watch(found))
            if "threads" in chosen:
                stack.enter_context(ThreadGuard().watch(found))
            if "tasks" in chosen:
                stack.enter_context(TaskGuard().watch(found))
            if "blocking" in chosen:
                stack.enter_context(self._blocking.watch(found))
            if "network" in chosen:
                stack.enter_context(self._network.watch(found, allowed))
            yield found
