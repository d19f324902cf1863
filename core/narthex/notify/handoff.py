"""What the rules call with alerts, and what spreads them to Alertmanagers and receivers.

``send`` is synchronous and cheap, because rule evaluation must never wait for the network: external labels where
absent, global alert relabeling, then a queue for each destination (reference §5.5). A reload keeps the senders, queues
and connections of every block whose configuration is equal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.config.sections import ReceiverConfig
from narthex.discovery.supervisor import Supervisor
from narthex.http.client import HttpClient
from narthex.kinds import Receiver
from narthex.model.alert import Alert
from narthex.notify.block import AlertmanagerBlock, Block
from narthex.notify.metrics import NotifyMetrics
from narthex.notify.receivers import ReceiverSet
from narthex.notify.relabeling import AlertRelabeling
from narthex.notify.sender import Deliver, Sender
from narthex.relabel.rules import Rules

__all__ = ["Handoff", "HandoffOptions", "Parts"]


@dataclass(frozen=True, slots=True)
class HandoffOptions:
    """The ``--alertmanager.*`` flags. ``grace`` bounds a drain, in seconds."""

    queue_capacity: int = 10_000
    batch_size: int = 256
    drain_on_shutdown: bool = True
    grace: float = 5.0


@dataclass(frozen=True, slots=True)
class Parts:
    """How a hand-off comes by what it is made of. ``external_url`` is where users reach this server.

    ``make_client`` gives an HTTP client with the credentials and TLS settings of one block. ``make_receivers`` builds
    receivers: for each integration the receiver's name, its own name, the object; raises ``PluginError``.
    """

    make_client: Callable[[HttpConfig], HttpClient]
    make_receivers: Callable[[Sequence[ReceiverConfig]], Awaitable[Sequence[tuple[str, str, Receiver]]]]
    external_url: str = ""


class Handoff:
    """Spreads alerts. Build, ``apply`` a configuration, run :meth:`follow` as a task, ``stop``."""

    def __init__(
        self,
        supervisor: Supervisor,
        options: HandoffOptions,
        clock: Clock,
        metrics: NotifyMetrics,
        parts: Parts,
    ) -> None:
        self._supervisor = supervisor
        self._options = options
        self._clock = clock
        self._metrics = metrics
        self._parts = parts
        self._blocks: dict[str, AlertmanagerBlock] = {}
        self._receivers: ReceiverSet | None = None
        self._receiver_configs: Sequence[ReceiverConfig] = ()
        self._relabeling = AlertRelabeling(Rules(), "alert_relabel_configs")
        self._external_labels: Mapping[str, str] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        metrics.queue_capacity.set(options.queue_capacity)

    async def apply(
        self,
        blocks: Sequence[Block],
        alert_rules: Rules,
        external_labels: Mapping[str, str],
        receivers: Sequence[ReceiverConfig],
    ) -> None:
        """Take a new configuration; what is equal keeps running, and what is gone drains beside.

        Raises ``NarthexError`` when a client or a receiver cannot be built; then nothing has changed.
        """
        changed = receivers != self._receiver_configs
        fresh = await self._build_receivers(receivers) if changed else None
        try:
            after = await self._build_blocks(blocks)
        except BaseException:
            if fresh is not None:
                await fresh.stop(drain=False, grace=0)
            raise
        before, self._blocks = list(self._blocks.values()), after
        self._relabeling = AlertRelabeling(alert_rules, "alert_relabel_configs")
        self._external_labels = external_labels
        await self._supervisor.apply({name: block.config.discovery for name, block in self._blocks.items()})
        for name in self._blocks:
            self._sync(name)
        for old in before:
            if old not in self._blocks.values():
                self._retire(old.stop(drain=self._options.drain_on_shutdown, grace=self._options.grace))
        if changed:
            self._replace_receivers(fresh, receivers)

    async def follow(self) -> None:
        """Follow discovery until cancelled."""
        while True:
            for name in await self._supervisor.changes():
                self._sync(name)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts for every destination. Never waits."""
        labelled = [alert.with_labels({**self._external_labels, **alert.labels}) for alert in alerts]
        kept = self._relabeling.apply(labelled)
        if not kept:
            return
        for block in self._blocks.values():
            block.send(kept)
        if self._receivers is not None:
            self._receivers.send(kept)

    def alertmanagers(self) -> tuple[list[str], list[str]]:
        """URLs of active and of dropped Alertmanagers."""
        found = [block.endpoints for block in self._blocks.values()]
        return [url for one in found for url in one.active], [url for one in found for url in one.dropped]

    async def stop(self) -> None:
        """Drain if so configured, and stop; discovery first, so that nothing comes back."""
        await self._supervisor.stop(self._options.grace)
        for part in (*self._blocks.values(), self._receivers):
            if part is not None:
                self._retire(part.stop(drain=self._options.drain_on_shutdown, grace=self._options.grace))
        await asyncio.gather(*self._retiring, return_exceptions=True)

    def _retire(self, stopping: Coroutine[Any, Any, None]) -> None:
        """Let a part stop beside; a dead Alertmanager must not hold up a reload."""
        task = asyncio.create_task(stopping, name="retire alert senders")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _build_blocks(self, wanted: Sequence[Block]) -> dict[str, AlertmanagerBlock]:
        """A running block for each that is wanted: an equal one goes on, wherever it stood in the list before."""
        running = list(self._blocks.values())
        built: dict[str, AlertmanagerBlock] = {}
        fresh: list[AlertmanagerBlock] = []
        try:
            for number, block in enumerate(wanted):
                one = next((one for one in running if one.config == block.config), None)
                if one is not None:
                    running.remove(one)
                else:
                    one = AlertmanagerBlock(block, self._parts.make_client(block.config.http), self._make_sender)
                    fresh.append(one)
                built[f"config-{number}"] = one
        except BaseException:
            await asyncio.gather(*(one.stop(drain=False, grace=0) for one in fresh))
            raise
        return built

    async def _build_receivers(self, configs: Sequence[ReceiverConfig]) -> ReceiverSet | None:
        if not configs:
            return None
        built = await self._parts.make_receivers(configs)
        return ReceiverSet(built, self._parts.external_url, self._make_sender)

    def _replace_receivers(self, fresh: ReceiverSet | None, configs: Sequence[ReceiverConfig]) -> None:
        old, self._receivers, self._receiver_configs = self._receivers, fresh, configs
        if fresh is not None:
            fresh.start()
        if old is not None:
            self._retire(old.stop(drain=self._options.drain_on_shutdown, grace=self._options.grace))

    def _make_sender(self, name: str, deliver: Deliver, timeout: float) -> Sender:
        return Sender(
            name,
            deliver,
            timeout=timeout,
            capacity=self._options.queue_capacity,
            batch_size=self._options.batch_size,
            clock=self._clock,
            metrics=self._metrics,
        )

    def _sync(self, name: str) -> None:
        block = self._blocks.get(name)
        if block is None:
            return
        groups = [sourced.group for sourced in self._supervisor.groups(name)]
        block.sync(groups, drain=self._options.drain_on_shutdown, grace=self._options.grace)
        self._metrics.discovered.set(len(self.alertmanagers()[0]))
