"""Series, label names and label values: what Grafana fills its menus from. Reads run in worker threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from aiohttp import web

from narthex.config.escaping import unescape_values
from narthex.web.envelope import ApiError, success
from narthex.web.params import TRUNCATED, form, limit, matcher_sets, window
from narthex.web.view import ServerView

__all__ = ["SeriesRoutes"]

T = TypeVar("T")


class SeriesRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def series(self, request: web.Request) -> web.StreamResponse:
        """Label sets of the series that satisfy any selector."""
        fields = await form(request)
        sets = matcher_sets(fields)
        if not sets:
            raise ApiError("bad_data", "no match[] parameter provided")
        start, end = window(fields)
        count = limit(fields)
        found = await self._read(lambda: self._view.storage.series(sets, start, end))
        return _limited([dict(labels) for labels in found], count)

    async def names(self, request: web.Request) -> web.StreamResponse:
        """Label names."""
        fields = await form(request)
        sets = matcher_sets(fields, named=False)
        start, end = window(fields)
        count = limit(fields)
        return _limited(await self._read(lambda: self._view.storage.label_names(sets, start, end)), count)

    async def values(self, request: web.Request) -> web.StreamResponse:
        """Values of one label; its name may be escaped in the ``U__`` form."""
        fields = request.query
        raw = unquote_to_bytes(request.rel_url.raw_parts[-2])  # match_info would hide what is not UTF-8
        try:
            name = unescape_values(raw.decode())
            name.encode()
        except UnicodeError:
            raise ApiError("bad_data", f"invalid label name: {raw!r}") from None
        if not name:
            raise ApiError("bad_data", 'invalid label name: ""')
        sets = matcher_sets(fields, named=False)
        start, end = window(fields)
        count = limit(fields)
        return _limited(await self._read(lambda: self._view.storage.label_values(name, sets, start, end)), count)

    async def _read(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._view.query_executor, read)


def _limited(found: list[Any], count: int) -> web.Response:
    if count and len(found) > count:
        return success(found[:count], warnings=[TRUNCATED])
    return success(found)
