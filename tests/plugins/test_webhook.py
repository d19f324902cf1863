import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from tests.waiting import PATIENCE

from narthex.config.types import Secret
from narthex.errors import NotifyError
from narthex.kinds import BuildContext, Notification
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.testing.clock import FakeClock
from narthex_plugins.webhook import WebhookConfig, WebhookReceiver

NOW = 1_700_000_000.0
FIRING = Alert(Labels({"alertname": "A"}), starts_at=NOW - 60, ends_at=NOW + 240)
RESOLVED = Alert(Labels({"alertname": "B"}), starts_at=NOW - 60, ends_at=NOW - 1)


class Endpoint:
    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.status = 200
        self.hang = False

    async def handle(self, request: web.Request) -> web.Response:
        self.messages.append(await request.json())
        if self.hang:
            await asyncio.Event().wait()
        return web.Response(status=self.status)


@pytest.fixture
async def endpoint() -> AsyncIterator[tuple[Endpoint, str]]:
    one = Endpoint()
    app = web.Application()
    app.router.add_post("/hook/{token}", one.handle)
    async with TestServer(app, host="127.0.0.1", shutdown_timeout=0.1) as server:
        yield one, str(server.make_url("/hook/hush"))


async def send(url: str, *alerts: Alert, seconds: float = PATIENCE, **options: Any) -> None:
    clock = FakeClock(NOW)
    context = BuildContext("webhook", clock, logging.LoggerAdapter(logging.getLogger()), CollectorRegistry())
    receiver = WebhookReceiver(WebhookConfig(Secret(url), **options), context)
    try:
        await receiver.send(Notification("me", alerts, "http://here"), clock.monotonic() + seconds)
    finally:
        await receiver.close()


async def test_alerts_arrive_with_their_states(endpoint: tuple[Endpoint, str]) -> None:
    one, url = endpoint
    await send(url, FIRING, RESOLVED)
    (message,) = one.messages
    assert (message["receiver"], message["status"], message["version"]) == ("me", "firing", "4")
    assert [alert["status"] for alert in message["alerts"]] == ["firing", "resolved"]
    assert message["alerts"][1]["endsAt"] == "2023-11-14T22:13:19.000Z"


async def test_resolved_alerts_may_be_left_out(endpoint: tuple[Endpoint, str]) -> None:
    one, url = endpoint
    await send(url, RESOLVED, send_resolved=False)
    assert one.messages == []


async def test_the_number_of_alerts_may_be_limited(endpoint: tuple[Endpoint, str]) -> None:
    one, url = endpoint
    await send(url, FIRING, RESOLVED, max_alerts=1)
    assert len(one.messages[0]["alerts"]) == 1
    assert one.messages[0]["truncatedAlerts"] == 1


async def test_a_refusal_is_an_error_that_keeps_the_address_secret(endpoint: tuple[Endpoint, str]) -> None:
    one, url = endpoint
    one.status = 500
    with pytest.raises(NotifyError, match="status 500") as caught:
        await send(url, FIRING)
    assert "hush" not in str(caught.value)


async def test_no_answer_before_the_deadline_is_an_error(endpoint: tuple[Endpoint, str]) -> None:
    one, url = endpoint
    one.hang = True
    with pytest.raises(NotifyError, match="no complete answer") as caught:
        await send(url, FIRING, seconds=0.3)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "ftp://x/", "http:///path", "hook"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert [key for key, _ in WebhookConfig(Secret(url)).check()] == ["url"]
