"""The ``webhook`` receiver keeps the contract of receivers."""

from __future__ import annotations

import pytest

from narthex.testing.contract import ReceiverContract
from narthex.testing.http import FakeHttp, Reply
from narthex.testing.rigs import ReceiverRig
from narthex_plugins import webhook


class WebhookRig(ReceiverRig):
    plugin = webhook
    kind = "webhook"

    async def start(self):
        self.server = await self.enter(FakeHttp())
        self.server.answer("/hook/open-sesame", Reply())

    def config(self):
        return {"url": self.server.url("/hook/open-sesame")}

    async def received(self):
        return len(self.server.requests)

    async def fail(self):
        self.server.fail(0)

    async def recover(self):
        self.server.heal()

    async def hang(self):
        self.server.hang()


class TestContract(ReceiverContract):
    @pytest.fixture
    def rig(self):
        return WebhookRig()
