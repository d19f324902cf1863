"""The admin API: switched off, refused, and passed on to a storage that offers it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.core.web.fakeview import FakeView

from narthex.errors import StorageError
from narthex.model.matcher import Matcher
from narthex.testing.storage import MemoryStorage


class Administrable(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[tuple[list[list[str]], int, int]] = []
        self.cleaned = 0
        self.error = ""

    async def delete_series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> None:
        self.deleted.append(([[str(one) for one in own] for own in matchers], start, end))

    async def clean_tombstones(self) -> None:
        self.cleaned += 1

    async def snapshot(self, *, skip_head: bool) -> str:
        if self.error:
            raise StorageError(self.error)
        return f"skip_head={skip_head}"


@pytest.fixture
def storage() -> Administrable:
    return Administrable()


@pytest.fixture
async def client(storage, start):
    return await start(FakeView(storage))


async def test_series_are_deleted_in_a_window(storage, client):
    form = [("match[]", 'up{job="a"}'), ("match[]", "down"), ("start", "1.5"), ("end", "3")]
    assert (await client.post("/api/v1/admin/tsdb/delete_series", params=form)).status == 204
    assert (await client.put("/api/v1/admin/tsdb/delete_series", params=form[:1])).status == 204
    first, second = storage.deleted
    assert ([sorted(own) for own in first[0]], *first[1:]) == (
        [['__name__="up"', 'job="a"'], ['__name__="down"']],
        1500,
        3000,
    )
    assert second[1] < 0 < second[2]


async def test_what_to_delete_must_be_said(storage, client):
    for form in ([], [("match[]", "{")], [("match[]", "up"), ("start", "x")]):
        answer = await client.post("/api/v1/admin/tsdb/delete_series", params=form)
        assert (answer.status, (await answer.json())["errorType"]) == (400, "bad_data")
    assert (await client.get("/api/v1/admin/tsdb/delete_series")).status == 405
    assert not storage.deleted


async def test_cleaning_and_snapshots_are_passed_on(storage, client):
    assert (await client.post("/api/v1/admin/tsdb/clean_tombstones")).status == 204
    assert storage.cleaned == 1
    for text, expected in (("", "False"), ("?skip_head=true", "True"), ("?skip_head=0", "False")):
        answer = await client.post(f"/api/v1/admin/tsdb/snapshot{text}")
        assert (await answer.json())["data"] == {"name": f"skip_head={expected}"}
    assert (await client.post("/api/v1/admin/tsdb/snapshot?skip_head=maybe")).status == 400
    storage.error = "no room"
    answer = await client.post("/api/v1/admin/tsdb/snapshot")
    assert (answer.status, (await answer.json())["error"]) == (500, "no room")


@pytest.mark.parametrize("path", ["delete_series?match[]=up", "clean_tombstones", "snapshot"])
async def test_it_must_be_switched_on_and_offered(start, storage, path):
    view = FakeView(storage)
    view.admin = False
    answer = await (await start(view)).post(f"/api/v1/admin/tsdb/{path}")
    assert (answer.status, (await answer.json())["errorType"]) == (503, "unavailable")
    answer = await (await start(FakeView(MemoryStorage()))).post(f"/api/v1/admin/tsdb/{path}")
    assert "no administration" in (await answer.json())["error"]
