"""The web application over a fake server, asked over loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tests.core.web.fakeview import FakeView

from narthex.web.app import make_app


@pytest.fixture
def view() -> FakeView:
    return FakeView()


@pytest.fixture
async def start() -> AsyncIterator[object]:
    """Starts a client for a view, which the test has set up by then."""
    clients: list[TestClient] = []

    async def begin(view: FakeView) -> TestClient:
        client = TestClient(TestServer(make_app(view), host="127.0.0.1"))
        await client.start_server()
        clients.append(client)
        return client

    yield begin
    for client in clients:
        await client.close()


@pytest.fixture
async def client(view: FakeView, start) -> TestClient:
    return await start(view)
