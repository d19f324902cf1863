"""A NetBox to test against: its list of devices, in pages, behind a token."""

from __future__ import annotations

import hashlib
import json

from narthex.testing.http import FakeHttp, Reply, Request

PATH = "/api/dcim/devices/"


def device(number: int, site: str = "fra") -> dict[str, object]:
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
        self.devices: list[dict[str, object]] = []
        self.accepts = "Token hush"
        self.largest_page = 1000
        self.pending: list[Reply] = []
        self.answer(PATH, self.page)

    def page(self, request: Request) -> Reply:
        if self.pending:
            return self.pending.pop(0)
        if request.headers.get("Authorization") != self.accepts:
            return Reply(b'{"detail": "Invalid token"}', 403)
        offset, limit = int(request.query["offset"]), min(int(request.query["limit"]), self.largest_page)
        found = [one for one in self.devices if request.query.get("site") in {None, one["site"]["slug"]}]  # type: ignore[index]
        document = {"count": len(found), "next": "http://elsewhere.invalid/", "results": found[offset : offset + limit]}
        body = json.dumps(document).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        if request.headers.get("If-None-Match") == tag:
            return Reply(b"", 304, headers={"ETag": tag})
        return Reply(body, headers={"ETag": tag})

    def offsets(self) -> list[int]:
        return [int(one.query["offset"]) for one in self.requests]
