"""What operators may do to the stored data: delete series, clean up, take a snapshot (``--web.enable-admin-api``)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from narthex.storage.protocol import StorageAdministration
from narthex.web.envelope import ApiError, success
from narthex.web.params import boolean, form, matcher_sets, window
from narthex.web.view import ServerView

__all__ = ["AdminRoutes"]


class AdminRoutes:
    """The handlers; ``view`` is the server. What was begun is finished, also when the client goes away."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def delete_series(self, request: web.Request) -> web.StreamResponse:
        """Delete the samples of the window of the series that satisfy any selector."""
        storage = self._storage()
        fields = await form(request)
        sets = matcher_sets(fields)
        if not sets:
            raise ApiError("bad_data", "no match[] parameter provided")
        start, end = window(fields)
        await asyncio.shield(storage.delete_series(sets, start, end))
        return web.Response(status=204)

    async def clean_tombstones(self, _request: web.Request) -> web.StreamResponse:
        """Free the room that deleted samples take."""
        await asyncio.shield(self._storage().clean_tombstones())
        return web.Response(status=204)

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """Copy the data into ``snapshots/NAME`` of the data directory."""
        storage = self._storage()
        skip_head = boolean(await form(request), "skip_head")
        return success({"name": await asyncio.shield(storage.snapshot(skip_head=skip_head))})

    def _storage(self) -> StorageAdministration:
        if not self._view.admin:
            raise ApiError("unavailable", "admin APIs disabled: start with --web.enable-admin-api")
        storage = self._view.storage
        if not isinstance(storage, StorageAdministration):
            raise ApiError("unavailable", "this storage has no administration")
        return storage
