"""A hand-off over real discovery, with HTTP clients and receivers that a test holds in its hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from tests.waiting import until

from narthex.clock import SystemClock
from narthex.config.http import HttpConfig
from narthex.config.relabel import RelabelConfig
from narthex.config.scrape import DiscoveryConfig
from narthex.config.sections import AlertmanagerConfig, ReceiverConfig
from narthex.discovery.supervisor import Supervisor
from narthex.http.client import Answer
from narthex.http.errors import HttpError
from narthex.kinds import DiscoveryKind, Notification, Receiver
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.model.targetgroup import TargetGroup
from narthex.notify.block import Block
from narthex.notify.handoff import Handoff, HandoffOptions, Parts
from narthex.notify.metrics import NotifyMetrics
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import Rules, compile_rules
from narthex_plugins.relabel_actions import narthex_relabel_actions
from narthex_plugins.static import StaticConfig, narthex_discovery_kinds

ORIGIN = Origin("shipped", "narthex", "0")


@dataclass(frozen=True)
class Feed:
    """A discoverer whose groups a test publishes."""

    name: str


class Net:
    """What lies behind all HTTP clients: which addresses answer how, and what each has been told."""

    def __init__(self) -> None:
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.status: dict[str, int] = {}
        self.hanging: dict[str, asyncio.Event] = {}
        self.dead: set[str] = set()

    def names(self, address: str) -> list[str]:
        return [alert["labels"]["alertname"] for alert in self.told.get(url(address), [])]


class Client:
    def __init__(self, net: Net) -> None:
        self.net = net
        self.closed = False

    async def request(self, method: str, to: str, *, seconds: float, headers: Any, data: bytes) -> Answer:
        assert (method, headers) == ("POST", {"Content-Type": "application/json"})
        assert not self.closed
        if to in self.net.hanging:
            await self.net.hanging[to].wait()
        if to in self.net.dead:
            raise HttpError(f"{to}: connection refused")
        self.net.told.setdefault(to, []).extend(orjson.loads(data))
        return Answer(self.net.status.get(to, 200), "OK", {}, b"")

    async def close(self) -> None:
        self.closed = True


@dataclass
class Recorder:
    name: str
    sent: list[Notification] = field(default_factory=list)
    closed: bool = False

    async def send(self, notification: Notification, deadline: float) -> None:
        self.sent.append(notification)

    async def close(self) -> None:
        self.closed = True


def url(address: str) -> str:
    return f"http://{address}/api/v2/alerts"


class Kit:
    """Builds hand-offs and what they take."""

    url = staticmethod(url)

    def __init__(self) -> None:
        self.net = Net()
        self.registry = CollectorRegistry()
        self.clients: list[Client] = []
        self.receivers: list[Recorder] = []
        self.receiver_error: BaseException | None = None
        self.publishers: dict[str, Callable[[Sequence[TargetGroup]], None]] = {}
        kinds = [*narthex_discovery_kinds(), DiscoveryKind("feed", Feed, self._discoverer)]
        self.catalog = Catalog(
            discovery={one.name: Contribution(one, ORIGIN) for one in kinds},
            relabel={one.name: Contribution(one, ORIGIN) for one in narthex_relabel_actions()},
        )

    def _discoverer(self, config: Feed, _context: Any) -> Any:
        kit = self

        class Fed:
            async def run(self, publish: Any) -> None:
                kit.publishers[config.name] = publish
                await asyncio.Event().wait()

        return Fed()

    def rules(self, *configs: RelabelConfig) -> Rules:
        return compile_rules(configs, self.catalog)

    def block(self, *addresses: str, feed: str = "", alert_rules: tuple[RelabelConfig, ...] = (), **more: Any) -> Block:
        static = DiscoveryConfig("static", (StaticConfig(addresses),))
        discovery = DiscoveryConfig("feed", Feed(feed)) if feed else static
        config = AlertmanagerConfig(discovery=(discovery,), alert_relabel_configs=alert_rules, **more)
        return Block(config, Rules(), self.rules(*alert_rules))

    def _client(self, _config: HttpConfig) -> Any:
        self.clients.append(Client(self.net))
        return self.clients[-1]

    async def _receivers(self, configs: Sequence[ReceiverConfig]) -> Sequence[tuple[str, str, Receiver]]:
        if self.receiver_error is not None:
            raise self.receiver_error
        made = [Recorder(config.name) for config in configs]
        self.receivers += made
        return [(one.name, "memory/0", one) for one in made]

    def handoff(self, **options: Any) -> Handoff:
        clock = SystemClock()
        supervisor = Supervisor(self.catalog, clock, self.registry, "notify", isolate=False)
        settings = HandoffOptions(**{"grace": 0.2, **options})
        parts = Parts(self._client, self._receivers, "http://narthex")
        return Handoff(supervisor, settings, clock, NotifyMetrics(self.registry), parts)

    @staticmethod
    def alerts(*names: str, **labels: str) -> list[Alert]:
        return [Alert(Labels({"alertname": name, **labels})) for name in names]

    def value(self, name: str, address: str) -> float | None:
        labels = {"alertmanager": url(address)}
        return self.registry.get_sample_value(f"prometheus_notifications_{name}", labels)

    until = staticmethod(until)


@pytest.fixture
def kit() -> Kit:
    return Kit()
