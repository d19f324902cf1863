"""A Consul server for tests: the part of its HTTP API that discovery uses, and the ways in which it can fail.

It behaves as Consul does where a client can tell: queries with an index are held until something they look at is newer,
each service has an index of its own, the indexes of a restored server are smaller than before, filters are evaluated,
and namespaces, partitions, datacenters and tokens keep apart what they keep apart. Every request is on record.

::

    async with FakeConsul() as consul:
        consul.register("web", Instance(node="n1", address="127.0.0.1", port=80))
        ...  # point a client at consul.address
        consul.fail(Fault("/v1/health", status=500), times=2)
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from narthex.clock import Clock, SystemClock
from narthex.config.durations import parse_duration
from narthex.discovery.waiting import within
from narthex.testing.bexpr import FilterError, matches
from narthex.testing.consulinstance import Instance, catalog_entry, health_entry

__all__ = ["FakeConsul", "Fault", "Instance", "Request"]

_LONGEST = 600.0
_DEFAULT_WAIT = 300.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with requests whose path starts with ``path``.

    ``status`` (0: the true answer) with ``body``; ``delay`` seconds before; ``disconnect`` closes the connection
    without an answer, ``cut`` in the middle of one; ``headers`` stand in for those of the true answer.
    """

    path: str = "/"
    status: int = 0
    body: str = ""
    delay: float = 0.0
    disconnect: bool = False
    cut: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived. ``params`` keeps repeated parameters; ``query`` is the undecoded text."""

    path: str
    query: str
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]

    def values(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for key, value in self.params if key == name]

    @property
    def index(self) -> int:
        """The index asked with; 0 without one."""
        return int((self.values("index") or ["0"])[0])


class FakeConsul:
    """A server on a loopback port of its own. ``token`` set: requests without it are refused."""

    def __init__(
        self,
        datacenter: str = "dc1",
        *,
        token: str = "",
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
        prefix: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self.datacenter = datacenter
        self.token = token
        self.requests: list[Request] = []
        """Everything asked so far, in order."""
        self.address = ""
        """``host:port``, once it runs."""
        self._clock = clock or SystemClock()
        self._tls = tls
        self._prefix = prefix
        self._host = host
        self._services: dict[str, dict[str, Instance]] = {}
        self._datacenters = {datacenter}
        self._index = 1
        self._changed: dict[str, int] = {}
        self._faults: list[tuple[Fault, list[int]]] = []
        self._news = asyncio.Event()
        self._woken = 0
        self._runner: web.AppRunner | None = None

    # --- its life ----------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        """Listen. A port makes one that comes back at the place where it was."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        host, listening = self._runner.addresses[0][:2]
        self.address = f"{host}:{listening}"

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # --- its contents ------------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """The newest index."""
        return self._index

    def services(self) -> set[str]:
        """The names of all services."""
        return set(self._services)

    def instances(self, service: str) -> tuple[Instance, ...]:
        """The instances of a service, with the ids they were given."""
        return tuple(self._services[service].values())

    def register(self, service: str, *instances: Instance) -> None:
        """Add instances, or replace those of the same id."""
        known = self._services.setdefault(service, {})
        for one in instances:
            own = replace(one, id=one.id or f"{service}-{one.node}", datacenter=one.datacenter or self.datacenter)
            known[own.id] = own
            self._datacenters.add(own.datacenter)
        self._touch(service)

    def deregister(self, service: str, identifier: str = "") -> None:
        """Take one instance away, or without an id the whole service."""
        if identifier:
            del self._services[service][identifier]
        if not identifier or not self._services[service]:
            del self._services[service]
        self._touch(service)

    def set_health(self, service: str, identifier: str, **checks: str) -> None:
        """Change the checks of an instance."""
        known = self._services[service]
        known[identifier] = replace(known[identifier], checks=checks)
        self._touch(service, catalog=False)

    def rewind(self, index: int = 1) -> None:
        """Go on with a smaller index, as a server does that was restored from a snapshot; held queries are answered."""
        self._index = index
        self._changed = dict.fromkeys(self._changed, index)
        self.wake()

    def wake(self) -> None:
        """Answer all held queries, changed or not, as Consul does when what they look at is touched."""
        self._woken += 1
        self._tell()

    def _tell(self) -> None:
        """Let the held queries look again."""
        self._news.set()
        self._news = asyncio.Event()

    def _touch(self, service: str, *, catalog: bool = True) -> None:
        self._index += 1
        self._changed[service] = self._index
        if catalog:
            self._changed[""] = self._index
        self._tell()

    # --- its failures, and what it was asked -------------------------------------------------------------------------

    def fail(self, fault: Fault, times: int | None = None) -> None:
        """Answer with a fault, ``times`` times or until :meth:`heal`. The first that fits a path counts."""
        self._faults.append((fault, [-1 if times is None else times]))

    def heal(self) -> None:
        """No more faults."""
        self._faults.clear()

    def asked(self, path: str) -> list[Request]:
        """The requests so far whose path starts with ``path``."""
        return [one for one in self.requests if one.path.startswith(path)]

    async def until(self, wanted: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for a condition on what was asked. Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while not wanted():  # noqa: ASYNC110 -- the condition may be on anything
                await asyncio.sleep(0.005)

    # --- answering ---------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        params = tuple((name, value) for name, value in request.query.items())
        asked = Request(request.path, request.rel_url.raw_query_string, params, dict(request.headers))
        self.requests.append(asked)
        fault = self._fault(asked.path)
        if fault is not None:
            await self._clock.sleep(fault.delay)
            if fault.disconnect:
                return _disconnected(request)
            if fault.status:
                return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
        response = await self._answer(asked)
        if fault is not None:
            response.headers.update(fault.headers)
            if fault.cut:
                return await _cut(request, response)
        return response

    def _fault(self, path: str) -> Fault | None:
        for fault, left in self._faults:
            if path.startswith(fault.path) and left[0] != 0:
                left[0] -= 1
                return fault
        return None

    async def _answer(self, asked: Request) -> web.Response:
        if self.token and self.token not in _tokens(asked.headers):
            return web.Response(status=403, text="ACL not found")
        path = asked.path.removeprefix(self._prefix)
        if self._prefix and path == asked.path:
            return web.Response(status=404, text="Invalid URL path")
        if path == "/v1/agent/self":
            return _json({"Config": {"Datacenter": self.datacenter, "NodeName": "fake"}})
        try:
            if path == "/v1/catalog/services":
                return await self._held(asked, "", self._catalog)
            if path.startswith("/v1/health/service/"):
                service = path.removeprefix("/v1/health/service/")
                return await self._held(asked, service, lambda one: self._health(one, service))
        except FilterError as error:
            return web.Response(status=400, text=f"Failed to create boolean expression evaluator: {error}")
        return web.Response(status=404, text="Invalid URL path")

    async def _held(self, asked: Request, subject: str, answer: Callable[[Request], Any]) -> web.Response:
        datacenter = (asked.values("dc") or [self.datacenter])[0]
        if datacenter not in self._datacenters:
            return web.Response(status=500, text="No path to datacenter")
        until = self._clock.monotonic() + _wait_of(asked)
        woken = self._woken
        while asked.index and self._of(subject) <= asked.index and self._woken == woken:
            left = until - self._clock.monotonic()
            news = self._news
            if left <= 0 or (await within(self._clock, left, news.wait()) and self._of(subject) < asked.index):
                break  # time is up; or the index went backwards and something woke the query
        headers = {"X-Consul-Index": str(self._of(subject)), "X-Consul-KnownLeader": "true"}
        return _json(answer(asked), headers)

    def _of(self, subject: str) -> int:
        """The index of the catalog (``""``) or of a service; one that does not exist has that of the catalog."""
        return self._changed.get(subject) or self._changed.get("") or self._index

    def _visible(self, asked: Request, service: str) -> list[Instance]:
        """The instances of a service that the parameters leave."""
        datacenter = (asked.values("dc") or [self.datacenter])[0]
        namespace = (asked.values("ns") or [""])[0]
        partition = (asked.values("partition") or [""])[0]
        wanted = [one.partition(":")[::2] for one in asked.values("node-meta")]
        return [
            one
            for one in self._services.get(service, {}).values()
            if one.datacenter == datacenter
            and namespace in {"*", one.namespace}
            and partition in {"*", one.partition}
            and all(one.node_meta.get(key) == value for key, value in wanted)
        ]

    def _catalog(self, asked: Request) -> dict[str, list[str]]:
        expression = (asked.values("filter") or [""])[0]
        found: dict[str, set[str]] = {}
        for service in self._services:
            for one in self._visible(asked, service):
                if matches(expression, catalog_entry(service, one)):
                    found.setdefault(service, set()).update(one.tags)
        return {service: sorted(tags) for service, tags in found.items()}

    def _health(self, asked: Request, service: str) -> list[dict[str, Any]]:
        expression, tags = (asked.values("filter") or [""])[0], set(asked.values("tag"))
        entries = [health_entry(service, one) for one in self._visible(asked, service) if tags <= set(one.tags)]
        return [one for one in entries if matches(expression, one)]


def _wait_of(asked: Request) -> float:
    text = (asked.values("wait") or [""])[0]
    return min(parse_duration(text) / 1000, _LONGEST) if text else _DEFAULT_WAIT


def _tokens(headers: Mapping[str, str]) -> set[str]:
    return {headers.get("X-Consul-Token", ""), headers.get("Authorization", "").removeprefix("Bearer ")}


def _json(value: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=headers)


def _disconnected(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Promise the whole body and send half of it."""
    body = whole.body
    assert isinstance(body, bytes)
    response = web.StreamResponse(headers=whole.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
