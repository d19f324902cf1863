"""Health, readiness, reload and the server's own metrics: everything outside ``/api``."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import exposition

from narthex.errors import NarthexError
from narthex.web.view import ServerView

__all__ = ["LifecycleRoutes"]


class LifecycleRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def healthy(self, _request: web.Request) -> web.StreamResponse:
        """200 as long as the process answers."""
        return web.Response(text="Narthex is Healthy.\n")

    async def ready(self, _request: web.Request) -> web.StreamResponse:
        """200 once the storage has recovered, until the stop begins."""
        headers = {"X-Prometheus-Stopping": str(self._view.stopping).lower()}
        if self._view.ready:
            return web.Response(text="Narthex is Ready.\n", headers=headers)
        return web.Response(status=503, text="Service Unavailable\n", headers=headers)

    async def reload(self, request: web.Request) -> web.StreamResponse:
        """Reload the configuration, and answer when it is in force."""
        if refusal := self._refusal(request):
            return refusal
        try:
            # Shielded: a client that goes away must not leave a configuration half in force.
            await asyncio.shield(self._view.reload())
        except NarthexError as error:
            return web.Response(status=500, text=f"failed to reload config: {error}\n")
        jobs = [f"job {one.job!r} is in quarantine: {'; '.join(one.problems)}\n" for one in self._view.quarantined()]
        return web.Response(text="".join(jobs))

    async def quit(self, request: web.Request) -> web.StreamResponse:
        """Stop the server."""
        if refusal := self._refusal(request):
            return refusal
        self._view.quit()
        return web.Response(text="Requesting termination... Goodbye!\n")

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.method not in {"POST", "PUT"}:
            return web.Response(status=405, text="Only POST or PUT requests allowed\n", headers={"Allow": "POST, PUT"})
        if not self._view.lifecycle:
            return web.Response(status=403, text="Lifecycle API is not enabled: start with --web.enable-lifecycle.\n")
        return None

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Own metrics, in the format that the client asks for."""
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.get_running_loop().run_in_executor(None, encode, self._view.registry)
        return web.Response(body=body, headers={"Content-Type": content_type})
