"""An HTTP server for tests: answers as it is told, fails in the ways that servers fail, and keeps what it was asked.

::

    async with FakeHttp() as server:
        server.json("/hosts", [{"name": "a"}])
        ...  # point a client at server.url("/hosts")
        server.fail(503)  # every answer, until heal()
        assert server.requests[0].headers["Authorization"] == "Bearer hush"
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

__all__ = ["FakeHttp", "Reply", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived; ``query`` has the last value of each parameter."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``delay`` is in seconds; ``disconnect`` closes the connection in place of an answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    disconnect: bool = False


Answer = Reply | Callable[[Request], Reply]


class FakeHttp:
    """A server on a loopback port of its own. A path that was not set is answered with 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """Everything asked so far, in order."""
        self.address = ""
        """``host:port``, once it runs."""
        self._answers: dict[str, Answer] = {}
        self._fault: Reply | None = None
        self._held = False
        self._release = asyncio.Event()
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # --- what it answers ---------------------------------------------------------------------------------------------

    def answer(self, path: str, answer: Answer) -> None:
        """Answer requests for a path, whatever their method, with a reply or what a function makes of the request."""
        self._answers[path] = answer

    def json(self, path: str, value: Any) -> None:
        """Answer with JSON."""
        self.answer(path, Reply(json.dumps(value).encode()))

    def text(self, path: str, text: str, content_type: str = "application/json") -> None:
        """Answer with a text, such as JSON that is none."""
        self.answer(path, Reply(text.encode(), content_type=content_type))

    def fail(self, status: int = 500, body: str = "") -> None:
        """Answer every request with this status; with status 0 close the connection instead."""
        self._fault = Reply(body.encode(), status or 500, "text/plain", disconnect=not status)

    def hang(self) -> None:
        """Take requests and do not answer them, until :meth:`heal`."""
        self._held = True

    def heal(self) -> None:
        """No more faults; requests that hang are answered."""
        self._fault, self._held = None, False
        self._release.set()
        self._release = asyncio.Event()

    # --- what it was asked -------------------------------------------------------------------------------------------

    def url(self, path: str = "/") -> str:
        """The address of a path."""
        return f"http://{self.address}{path}"

    async def asked(self, count: int, seconds: float = 60.0) -> None:
        """Wait until so many requests have arrived in all. Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                self._news.clear()
                await self._news.wait()

    # --- its life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Request(request.method, request.path, dict(request.query), request.headers.copy(), body)
        self.requests.append(asked)
        self._news.set()
        while self._held:
            await self._release.wait()
        answer = self._fault or self._answers.get(asked.path, Reply(b"not found", 404, "text/plain"))
        reply = answer(asked) if callable(answer) else answer
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.disconnect and request.transport is not None:
            request.transport.abort()
        headers = {"Content-Type": reply.content_type, **reply.headers}
        return web.Response(body=reply.body, status=reply.status, headers=headers)
