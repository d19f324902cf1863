"""py-consul over Narthex's own HTTP client, and with what its calls leave out.

The library knows Consul's endpoints, their parameters and how an answer is unpacked. Its transport is replaced whole
(docs/decisions/0004-py-consul-without-its-transport.md says why), and what its calls cannot say is added on the way:
stale reads of the health endpoint, the wait of a first query, namespace and partition, a path before ``/v1``. Tokens
are request headers of the HTTP client, which reads files anew for each request and strips secrets from redirects that
leave the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from consul import aio  # noqa: TID253 -- this module is itself imported by the builder only
from consul.base import HTTPClient, Response  # noqa: TID253 -- likewise

from narthex.clock import Clock
from narthex.config.http import HttpConfig, HttpHeader
from narthex.errors import DiscoveryError
from narthex.http.client import HttpClient, make_session
from narthex.http.errors import HttpError
from narthex_sd.consul.config import ConsulConfig

__all__ = ["SELF", "WAIT", "Client", "make_client"]

SELF = "/v1/agent/self"
WAIT = "120000ms"
"""How long Consul is to hold a query; it adds up to a sixteenth of its own."""
_TIMEOUT = 135.0
"""Seconds for a whole exchange: the wait, that sixteenth, and time to transfer."""
_LIMIT = 256 << 20
"""Bytes that an answer must stay below, unpacked: more than the largest catalogs by far, less than a machine."""
_SHOWN = 256
"""Characters of an error's body that are worth showing."""

Parameters = Sequence[tuple[str, Any]]


class Client(aio.Consul):  # type: ignore[misc]  # the library ships no type information
    """The library's calls, each a coroutine. Its constructor would take token and address from the environment."""

    def __init__(self, transport: _Transport, datacenter: str) -> None:
        self._transport = transport
        super().__init__("", 0, scheme="http", verify=False, dc=datacenter or None)
        self.token = None

    def http_connect(self, *_: Any, **__: Any) -> _Transport:
        """The hook by which the library asks for its transport."""
        return self._transport


class _Transport(HTTPClient):  # type: ignore[misc]
    """GET only: discovery never writes."""

    def __init__(self, config: ConsulConfig, http: HttpClient) -> None:
        super().__init__()
        scheme, mark, server = config.server.rpartition("://")
        self._socket = server if scheme == "unix" else ""
        host = "localhost" if self._socket else server
        prefix = config.path_prefix.strip("/")
        self.base_uri = f"{scheme if mark and not self._socket else config.scheme}://{host}" + (prefix and f"/{prefix}")
        self._http = http
        self._everywhere = [(key, value) for key, value in _tenancy(config) if value]
        self._stale = [("stale", "")] if config.allow_stale else []

    async def get(
        self,
        callback: Callable[[Response], Any],
        path: str,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Any:
        """One exchange; ``callback`` is the library's own and unpacks the answer. Raises ``DiscoveryError``."""
        uri = self.uri(path, [*(params or ()), *self._everywhere, *self._watching(path, params or ())])
        try:
            answer = await self._http.request(
                "GET",
                uri,
                seconds=_TIMEOUT,
                headers={**(headers or {}), "Accept-Encoding": "gzip"},
                limit=_LIMIT,
                unix_socket=self._socket,
            )
        except HttpError as error:
            raise DiscoveryError(str(error)) from None
        body = answer.body.decode("utf-8", "replace")
        if answer.status != 200:
            # The library takes 404 for an empty answer, and that would take every target away.
            raise DiscoveryError(f"Unexpected response code: {answer.status} ({body.strip()[:_SHOWN]})")
        return callback(Response(answer.status, answer.headers, body))

    def _watching(self, path: str, params: Parameters) -> list[tuple[str, str]]:
        """What a query lacks that Consul may hold: consistency, and the wait while there is no index yet."""
        if path == SELF:
            return []
        waits = any(key == "wait" for key, _ in params)
        return self._stale if waits else [*self._stale, ("wait", WAIT)]

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def put(self, *_: Any, **__: Any) -> NoReturn:
        """Not for discovery."""
        raise NotImplementedError("discovery only reads")

    post = delete = put


def make_client(config: ConsulConfig, clock: Clock) -> Client:
    """A client for one configuration; make it inside the event loop, and ``await client.close()``.

    Raises ``HttpError`` for a setting that is not implemented.
    """
    return Client(_Transport(config, make_session(_with_token(config), clock)), config.datacenter)


def _with_token(config: ConsulConfig) -> HttpConfig:
    if not (config.token or config.token_file):
        return config.http
    token = HttpHeader(
        secrets=(config.token,) if config.token else (), files=(config.token_file,) if config.token_file else ()
    )
    return replace(config.http, http_headers={**config.http.http_headers, "X-Consul-Token": token})


def _tenancy(config: ConsulConfig) -> list[tuple[str, str]]:
    return [("ns", config.namespace), ("partition", config.partition)]
