"""Requests with everything an ``http_config`` section can say, over connections that are kept open.

A GET without a proxy, as every scrape is one, goes over a connection of our own (:mod:`narthex.http.wire` tells why);
aiohttp does the rest. Its own redirects, cookies, environment proxies and decompression stay off: redirects here strip
credentials for the whole rest of the chain once it leaves the host, as Prometheus does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from narthex import __version__
from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.config.types import mask_url
from narthex.http.body import open_body, read_body
from narthex.http.connections import Address, Connections
from narthex.http.credentials import Credentials
from narthex.http.errors import HttpError
from narthex.http.oauth import TokenSource, require_supported
from narthex.http.proxy import Proxy
from narthex.http.request import is_plain, request_head
from narthex.http.tls import Tls
from narthex.http.wire import Reply, WireError

__all__ = ["USER_AGENT", "Answer", "HttpClient", "make_session"]

USER_AGENT = f"Narthex/{__version__}"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 10
_KEEP_ALIVE = 300.0
_MOST_HEADS = 20_000
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body was read and unpacked."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """A client for one configuration. Make it inside the event loop; ``close`` it."""

    def __init__(self, config: HttpConfig, clock: Clock, user_agent: str = USER_AGENT) -> None:
        if config.oauth2:
            require_supported(config.oauth2)
        self._config = config
        self._credentials = Credentials(config)
        self._tls = Tls(config.tls_config)
        self._proxy = Proxy(config.proxy)
        self._user_agent = user_agent
        self._steady = self._credentials.fixed and not config.oauth2 and not self._proxy.is_used
        self._heads: dict[URL, tuple[Mapping[str, str] | None, bytes]] = {}
        self._session = _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE))
        self._unix: dict[str, aiohttp.ClientSession] = {}
        self._connections = Connections(_KEEP_ALIVE)
        self._tokens: TokenSource | None = None
        self._token_client: HttpClient | None = None
        if config.oauth2:
            self._token_client = HttpClient(
                HttpConfig(tls_config=config.oauth2.tls_config, proxy=config.oauth2.proxy), clock, user_agent
            )
            self._tokens = TokenSource(config.oauth2, self._token_client.post, clock)

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        limit: int = 0,
        unix_socket: str = "",
    ) -> Answer:
        """Send a request and read the answer, all within ``seconds``; any status is an answer.

        ``limit`` is the size in bytes that the body must stay below (0: none). Raises ``HttpError``.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        answer = None
        try:
            target = URL(url, encoded=True) if isinstance(url, str) else url
            head = self._repeated(target, headers) if method == "GET" and data is None else None
            if head is not None:
                answer = await self._get(target, head, limit, unix_socket, deadline)
                if not self._redirects(answer):
                    return answer
            async with asyncio.timeout_at(deadline):
                sent = await self._headers(headers)
                return await self._follow(answer, method, target, sent, data, limit, unix_socket, deadline)
        except TimeoutError:
            shown = mask_url(str(url))
            raise HttpError(f"{shown}: no complete answer within {seconds:g}s (context deadline exceeded)") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError, WireError) as error:
            shown = mask_url(str(url))
            raise HttpError(f"{shown}: {str(error).replace(str(url), shown) or type(error).__name__}") from None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """POST within ten seconds or the caller's deadline; status and body."""
        answer = await self.request("POST", url, seconds=10, headers=headers, data=body)
        return answer.status, answer.body

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        self._connections.close()
        for session in (self._session, *self._unix.values()):
            await session.close()
        if self._token_client is not None:
            await self._token_client.close()

    def _repeated(self, url: URL, given: Mapping[str, str] | None) -> bytes | None:
        """The bytes of a GET, kept for the next time; None where they differ each time or aiohttp has to do it."""
        if not self._steady:
            return None
        known = self._heads.get(url)
        if known is not None and known[0] is given:  # a scrape hands over the same headers every time
            return known[1]
        if not is_plain(url):
            return None
        head = request_head(url, self._fixed_headers(given))
        if len(self._heads) >= _MOST_HEADS:  # of addresses that nobody asks any more
            self._heads.clear()
        self._heads[url] = (given, head)
        return head

    def _fixed_headers(self, given: Mapping[str, str] | None) -> CIMultiDict[str]:
        headers = CIMultiDict(given or {})
        headers.setdefault("User-Agent", self._user_agent)
        authorized = "Authorization" in headers
        for name, value in self._credentials.headers():
            if not (authorized and name == "Authorization"):
                headers.add(name, value)
        return headers

    async def _headers(self, given: Mapping[str, str] | None) -> CIMultiDict[str]:
        headers = self._fixed_headers(given)
        if self._tokens is not None and "Authorization" not in headers:
            headers["Authorization"] = await self._tokens.header()
        return headers

    async def _follow(
        self,
        answer: Answer | None,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        data: bytes | None,
        limit: int,
        unix_socket: str,
        deadline: float,
    ) -> Answer:
        """Send the request unless its ``answer`` is there already, and go where answers point."""
        first = url
        for _ in range(_MAX_REDIRECTS):
            if answer is None and method == "GET" and data is None and is_plain(url) and not self._proxy.is_used:
                answer = await self._get(url, request_head(url, headers), limit, unix_socket, deadline)
            elif answer is None:
                answer = await self._send(method, url, headers, data, limit, unix_socket)
            if not self._redirects(answer):
                return answer
            status, location, answer = answer.status, answer.headers["Location"], None
            before, url = url, url.join(URL(location))
            if url.scheme not in {"http", "https"}:
                raise HttpError(f"redirect to an unsupported address: {url}")
            if status in {301, 302, 303} and method not in {"GET", "HEAD"}:
                method, data = "GET", None
                headers.pop("Content-Type", None)
            if not _same_site(first, url) or (before.scheme == "https" and url.scheme == "http"):
                headers = self._without_secrets(headers)
        raise HttpError(f"stopped after {_MAX_REDIRECTS} redirects")

    def _redirects(self, answer: Answer | Reply) -> bool:
        return answer.status in _REDIRECTS and self._config.follow_redirects and bool(answer.headers.get("Location"))

    async def _get(self, url: URL, head: bytes, limit: int, unix_socket: str, deadline: float) -> Answer:
        tls = self._tls.context() if url.scheme == "https" else None
        address = Address(url.raw_host or "", url.port or 0, unix_socket, tls, self._tls.server_name)
        reply = await self._connections.ask(address, head, limit, deadline)
        body = b"" if self._redirects(reply) else open_body(reply.body, reply.headers, limit)
        return Answer(reply.status, reply.reason, reply.headers, body)

    async def _send(
        self, method: str, url: URL, headers: CIMultiDict[str], data: bytes | None, limit: int, unix_socket: str
    ) -> Answer:
        session = self._session if not unix_socket else self._unix_session(unix_socket)
        async with session.request(
            method, url, headers=headers, data=data, allow_redirects=False, **self._options(url)
        ) as response:
            answer = Answer(response.status, response.reason or "", response.headers, b"")
            return answer if self._redirects(answer) else replace(answer, body=await read_body(response, limit))

    def _without_secrets(self, headers: CIMultiDict[str]) -> CIMultiDict[str]:
        secret = {"authorization", "cookie", *(name.lower() for name in self._config.http_headers)}
        return CIMultiDict([(name, value) for name, value in headers.items() if name.lower() not in secret])

    def _options(self, url: URL) -> dict[str, Any]:
        """What aiohttp needs to be told for this URL only; a plain request needs nothing, and that is the usual one."""
        options: dict[str, Any] = {}
        if url.scheme == "https":
            options["ssl"] = self._tls.context()
            options["server_hostname"] = self._tls.server_name
        if self._proxy.is_used and (proxy := self._proxy.of(url)):
            options["proxy"] = proxy
            options["proxy_headers"] = self._proxy.headers
        return options

    def _unix_session(self, path: str) -> aiohttp.ClientSession:
        if path not in self._unix:
            self._unix[path] = _session(aiohttp.UnixConnector(path, limit=0, keepalive_timeout=_KEEP_ALIVE))
        return self._unix[path]


def make_session(config: HttpConfig, clock: Clock, user_agent: str = USER_AGENT) -> HttpClient:
    """A client for ``config``. Raises ``HttpError`` for a setting that is not implemented."""
    return HttpClient(config, clock, user_agent)


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=_NO_TIMEOUT,
        auto_decompress=False,
        trust_env=False,
    )


def _same_site(first: URL, later: URL) -> bool:
    """Whether credentials meant for ``first`` may go to ``later``: the same host, or one below it."""
    host, other = (first.host or "").lower(), (later.host or "").lower()
    return other == host or other.endswith("." + host)
