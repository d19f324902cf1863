"""The plugin with what its contract needs around it: a CMDB that it asks."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import narthex_cmdb
from narthex.testing.http import FakeHttp
from narthex.testing.rigs import DiscoveryRig


def host(number: int, owner: str = "shop") -> dict[str, Any]:
    """A host as the CMDB lists it."""
    known = {"name": f"web{number}", "site": "fra", "owner": owner, "tags": ["edge"]}
    return {**known, "address": "127.0.0.1", "exporters": {"node": 9100 + number % 1000}}


class CmdbRig(DiscoveryRig):
    """The plugin, and a CMDB that it asks."""

    plugin: ClassVar[object] = narthex_cmdb
    kind = "cmdb"

    async def start(self) -> None:
        self.server = await self.enter(FakeHttp())
        self.server.json("/hosts", [host(1), host(2)])

    def config(self) -> Any:
        return {"url": self.server.url("/hosts"), "token": "hush-hush", "refresh_interval": "50ms"}

    async def update(self) -> None:
        self.server.json("/hosts", [host(1, "bank"), host(2)])

    async def retract(self) -> None:
        self.server.json("/hosts", [host(1)])

    async def fail(self) -> None:
        self.server.fail(503)

    async def recover(self) -> None:
        self.server.heal()

    async def malformed(self) -> AsyncIterator[str]:
        for name, text in {"no JSON": "<html>", "a number": "7", "half a host": '[{"name": "web1"}]'}.items():
            self.server.text("/hosts", text)
            yield name

    async def enlarge(self, count: int) -> None:
        self.server.json("/hosts", [host(number) for number in range(count)])
