"""The ``ec2`` kind keeps the contract of discoverers: with a fake server, and with one that is like EC2."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.sd_adapters.ec2.test_moto import LIVE, run_instances
from tests.sd_adapters.ec2.test_transport import PAGE

from narthex.testing.contract import DiscoveryContract
from narthex.testing.http import FakeHttp, Reply
from narthex.testing.rigs import DiscoveryRig
from narthex_sd import ec2

ITEM = PAGE[PAGE.index("<instancesSet>") + len("<instancesSet>") : PAGE.index("</instancesSet>")]


class Ec2Rig(DiscoveryRig):
    plugin = ec2
    kind = "ec2"

    async def start(self):
        self.server = await self.enter(FakeHttp())
        self.lists("127.0.0.9", "127.0.0.8")

    def config(self):
        keys = {"access_key": "key", "secret_key": "open sesame"}
        return {"region": "r", "endpoint": self.server.url("/"), "refresh_interval": "50ms", **keys}

    def lists(self, *addresses):
        items = "".join(
            ITEM.replace("127.0.0.9", one).replace("i-1", f"i-{number}") for number, one in enumerate(addresses)
        )
        self.says(PAGE.replace(ITEM, items))

    def says(self, text):
        zones = Reply(status=403)  # zones are not told, which is allowed

        def answer(request):
            listing = b"Action=DescribeInstances" in request.body
            return Reply(text.encode(), content_type="text/xml") if listing else zones

        self.server.answer("/", answer)

    async def update(self):
        self.lists("127.0.0.9", "127.0.0.7")

    async def retract(self):
        self.lists()

    async def fail(self):
        self.server.fail(403, "<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>")

    async def recover(self):
        self.server.heal()

    async def malformed(self):
        for text in ("<", "{}"):
            self.says(text)
            yield text

    async def enlarge(self, count):
        self.lists(*(f"127.1.{number // 256}.{number % 256}" for number in range(count)))


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return Ec2Rig()


class MotoRig(DiscoveryRig):
    plugin = ec2
    kind = "ec2"
    unguarded = ("sockets",)  # the test's own client keeps its connections

    def __init__(self, aws, config):
        super().__init__()
        self.aws, self._config = aws, replace(config, filters=LIVE)

    async def start(self):
        await asyncio.to_thread(run_instances, self.aws)

    def config(self):
        return self._config

    async def update(self):
        await asyncio.to_thread(run_instances, self.aws)

    async def retract(self):
        found = await asyncio.to_thread(self.aws.describe_instances)
        left = [instance["InstanceId"] for one in found["Reservations"] for instance in one["Instances"]]
        await asyncio.to_thread(self.aws.terminate_instances, InstanceIds=left)


@pytest.mark.server
class TestContractWithMoto(DiscoveryContract):
    @pytest.fixture
    def rig(self, aws, config):
        return MotoRig(aws, config)
