"""The plugin with what its contract needs around it: a NetBox with devices, in pages, behind a token."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import narthex_netbox
from narthex.testing.http import FakeHttp, Reply, Request
from narthex.testing.rigs import DiscoveryRig

PATH = "/api/dcim/devices/"


def device(number: int, site: str = "fra") -> dict[str, Any]:
    """A device as NetBox lists it, as far as the plugin looks at it."""
    return {
        "id": number,
        "name": f"host{number}",
        "status": {"value": "active"},
        "primary_ip": {"address": f"127.0.{number >> 8}.{number & 255}/8"},
        "site": {"name": site, "slug": site},
    }


class FakeNetbox(FakeHttp):
    """``devices`` is what it lists. Each entry of ``pending`` is answered once, before anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.devices: list[dict[str, Any]] = []
        self.accepts = "Token hush"
        self.largest_page = 1000
        self.pending: list[Reply] = []
        self.answer(PATH, self.page)

    def page(self, request: Request) -> Reply:
        """The answer to one request. Its ``next`` leads nowhere, so that a test fails that follows it."""
        if self.pending:
            return self.pending.pop(0)
        if request.headers.get("Authorization") != self.accepts:
            return Reply(b'{"detail": "Invalid token"}', 403)
        offset, limit = int(request.query["offset"]), min(int(request.query["limit"]), self.largest_page)
        found = [one for one in self.devices if request.query.get("site") in {None, one["site"]["slug"]}]
        document = {"count": len(found), "next": "http://elsewhere.invalid/", "results": found[offset : offset + limit]}
        body = json.dumps(document).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        if request.headers.get("If-None-Match") == tag:
            return Reply(b"", 304, headers={"ETag": tag})
        return Reply(body, headers={"ETag": tag})

    def offsets(self) -> list[int]:
        """Where the pages began that were asked for so far."""
        return [int(one.query["offset"]) for one in self.requests]


class NetboxRig(DiscoveryRig):
    """The plugin, and a NetBox that it asks."""

    plugin: ClassVar[object] = narthex_netbox
    kind = "netbox"
    server: FakeNetbox

    async def start(self) -> None:
        self.server = await self.enter(FakeNetbox())
        self.server.devices = [device(1), device(2), device(3)]
        self.server.largest_page = 2

    def config(self) -> Any:
        return {
            "url": self.server.url("/"),
            "refresh_interval": "50ms",
            "authorization": {"type": "Token", "credentials": "hush"},
        }

    async def update(self) -> None:
        self.server.devices[0] = device(1, site="ber")

    async def retract(self) -> None:
        del self.server.devices[2]

    async def fail(self) -> None:
        self.server.fail(503)

    async def recover(self) -> None:
        self.server.heal()

    async def malformed(self) -> AsyncIterator[str]:
        for name, text in {"no JSON": "<html>", "another answer": "[7]", "half a page": '{"count": 7}'}.items():
            self.server.text(PATH, text)
            yield name

    async def enlarge(self, count: int) -> None:
        self.server.devices = [device(number) for number in range(count)]
        self.server.largest_page = 1000
