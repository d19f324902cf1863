"""What the rules call with alerts, and what spreads them to Alertmanagers and receivers.

``send`` is synchronous and cheap, because rule evaluation must never wait for the network: external labels where
absent, global alert relabeling, then a queue for each destination (reference §5.5). A reload keeps the senders, queues
and connections of every block whose configuration is equal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.config.sections import ReceiverConfig
from narthex.discovery.supervisor import Supervisor
from narthex.http.client import HttpClient
from narthex.kinds import Receiver
from narthex.model.alert import Alert
from narthex.notify.block import AlertmanagerBlock, Block, relabelled
from narthex.notify.metrics import NotifyMetrics
from narthex.notify.receivers import ReceiverSet
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
    make_receivers: Callable[[Sequence[ReceiverConfig]], Sequence[tuple[str, str, Receiver]]]
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
        self._alert_rules = Rules()
        self._external_labels: Mapping[str, str] = {}
        metrics.queue_capacity.set(options.queue_capacity)

    async def apply(
        self,
        blocks: Sequence[Block],
        alert_rules: Rules,
        external_labels: Mapping[str, str],
        receivers: Sequence[ReceiverConfig],
    ) -> None:
        """Take a new configuration; what is equal keeps running."""
        await self._apply_receivers(receivers)
        self._alert_rules, self._external_labels = alert_rules, external_labels
        before = self._blocks
        self._blocks = {}
        for number, block in enumerate(blocks):
            name = f"config-{number}"
            kept = before.get(name)
            if kept is not None and kept.config == block.config:
                self._blocks[name] = before.pop(name)
            else:
                client = self._parts.make_client(block.config.http)
                self._blocks[name] = AlertmanagerBlock(block, client, self._make_sender)
        await self._supervisor.apply({name: block.config.discovery for name, block in self._blocks.items()})
        for name in self._blocks:
            self._sync(name)
        await asyncio.gather(*(self._stop(block) for block in before.values()))

    async def follow(self) -> None:
        """Follow discovery until cancelled."""
        while True:
            for name in await self._supervisor.changes():
                if name in self._blocks:
                    self._sync(name)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts for every destination. Never waits."""
        labelled = [alert.with_labels({**self._external_labels, **alert.labels}) for alert in alerts]
        kept = relabelled(labelled, self._alert_rules)
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
        stops = [self._stop(block) for block in self._blocks.values()]
        if self._receivers is not None:
            stops.append(self._receivers.stop(drain=self._options.drain_on_shutdown, grace=self._options.grace))
        await asyncio.gather(*stops)

    async def _apply_receivers(self, configs: Sequence[ReceiverConfig]) -> None:
        if configs == self._receiver_configs:
            return
        fresh = ReceiverSet(self._parts.make_receivers(configs), self._parts.external_url, self._make_sender)
        old, self._receivers, self._receiver_configs = self._receivers, fresh, configs
        fresh.start()
        if old is not None:
            await old.stop(drain=self._options.drain_on_shutdown, grace=self._options.grace)

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
        groups = [sourced.group for sourced in self._supervisor.groups(name)]
        options = self._options
        self._blocks[name].sync(groups, drain=options.drain_on_shutdown, grace=options.grace)
        self._metrics.discovered.set(len(self.alertmanagers()[0]))

    async def _stop(self, block: AlertmanagerBlock) -> None:
        await block.stop(drain=self._options.drain_on_shutdown, grace=self._options.grace)
