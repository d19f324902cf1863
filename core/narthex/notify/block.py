"""One block of ``alerting.alertmanagers`` at work: its Alertmanagers, each with a sender, as discovery finds them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from narthex.config.sections import AlertmanagerConfig
from narthex.errors import NotifyError
from narthex.http.client import HttpClient
from narthex.model.alert import Alert
from narthex.model.targetgroup import TargetGroup
from narthex.notify.endpoints import Endpoints, endpoints
from narthex.notify.payload import alerts_json
from narthex.notify.relabeling import AlertRelabeling
from narthex.notify.sender import Deliver, Sender
from narthex.relabel.rules import Rules

__all__ = ["AlertmanagerBlock", "Block"]

log = logging.getLogger(__name__)

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Block:
    """A configuration block with its rules compiled: over Alertmanagers, and over the alerts they get."""

    config: AlertmanagerConfig
    rules: Rules
    alert_rules: Rules


class AlertmanagerBlock:
    """Sends to every Alertmanager of one configuration block."""

    def __init__(self, block: Block, client: HttpClient, make_sender: Callable[[str, Deliver, float], Sender]) -> None:
        self.config = block.config
        self._rules = block.rules
        self._relabeling = AlertRelabeling(block.alert_rules, "alertmanagers.alert_relabel_configs")
        self._client = client
        self._make_sender = make_sender
        self._senders: dict[str, Sender] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self.endpoints = Endpoints()

    def sync(self, groups: Iterable[TargetGroup], *, drain: bool, grace: float) -> None:
        """Start senders for Alertmanagers that came, stop those of the ones that went."""
        found = endpoints(self.config, groups, self._rules)
        for reason in found.errors:
            if reason not in self.endpoints.errors:
                log.error("target group of an Alertmanager was discarded", extra={"err": reason})
        self.endpoints = found
        for url in found.active:
            if url not in self._senders:
                sender = self._make_sender(url, self._deliver_to(url), self.config.timeout.seconds)
                self._senders[url] = sender
                sender.start()
        for url in [url for url in self._senders if url not in found.active]:
            task = asyncio.create_task(self._senders.pop(url).stop(drain=drain, grace=grace), name=f"stop {url}")
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts for every Alertmanager of the block."""
        kept = self._relabeling.apply(alerts)
        if kept:
            for sender in self._senders.values():
                sender.enqueue(kept)

    async def stop(self, *, drain: bool, grace: float) -> None:
        """Stop all senders together, then close the client."""
        stops = [sender.stop(drain=drain, grace=grace) for sender in self._senders.values()]
        await asyncio.gather(*stops, *self._stopping)
        self._senders.clear()
        await self._client.close()

    def _deliver_to(self, url: str) -> Deliver:
        async def deliver(alerts: Sequence[Alert], _deadline: float) -> None:
            answer = await self._client.request(
                "POST", url, seconds=self.config.timeout.seconds, headers=_JSON, data=alerts_json(alerts)
            )
            if answer.status // 100 != 2:
                raise NotifyError(f"bad response status {answer.status} {answer.reason}")

        return deliver
