"""One connection that asks one thing at a time: the way of a plain GET.

A scrape is a GET of one page over a connection that stays open, 200 times a second on a middling server, and aiohttp's
client took more of the processor for that than reading the samples did: 400 µs in the loaded server, of which this
leaves 220 (most of it the kernel's, the event loop's and the body's copies). llhttp, by httptools, reads the answers as
in aiohttp; TLS is the event loop's. Proxies and methods with a body remain aiohttp's (:mod:`narthex.http.client`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools
from multidict import CIMultiDict

from narthex.http.body import ENCODINGS, packed_limit
from narthex.http.errors import BodyLimitError, HttpError

__all__ = ["LostConnectionError", "Reply", "Wire", "WireError"]

_REDIRECT_BYTES = 1 << 20
"""Nobody reads the body of a redirect, so it has a limit of its own."""


class WireError(HttpError):
    """No answer, or half of one; the text does not tell from where."""


class LostConnectionError(WireError):
    """The connection went before anything of an answer had come: where it had been idle, another one may do."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; the body may be packed."""

    status: int
    reason: str
    headers: CIMultiDict[str]
    body: bytes


class Wire(asyncio.Protocol):
    """The protocol of one connection. Its ``on_…`` methods are the parser's."""

    def __init__(self) -> None:
        self.reusable = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._parser = httptools.HttpResponseParser(self)
        # What Go's client and aiohttp forgive, too.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._begin()

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self.reusable and self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, limit: int, deadline: float) -> Reply:
        """Send a request and wait for the whole answer, until ``deadline`` on the event loop's clock.

        ``limit`` is meant for the unpacked body. Raises ``HttpError`` and ``TimeoutError``. When it fails or the caller
        is cancelled, the connection is closed.
        """
        if self._transport is None:
            raise LostConnectionError("server disconnected")
        self._begin()
        self._limit = limit
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_at(deadline, self._fail, TimeoutError())  # a quarter of what asyncio.timeout costs
        self._transport.write(head)
        try:
            return await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _begin(self) -> None:
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._reason = b""
        self._pieces: list[bytes] = []
        self._size = 0
        self._limit = self._most = 0
        self._started = self._to_the_end = False

    def _fail(self, error: HttpError | TimeoutError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()

    def _complete(self) -> None:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        reply = Reply(self._parser.get_status_code(), self._reason.decode(errors="replace"), self._headers, body)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(reply)
        self._begin()  # an idle connection must not keep the body

    # --- called by the event loop -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Hand everything to the parser; nothing may come that was not asked for."""
        if self._waiter is None or self._waiter.done():
            self.close()
            return
        self._started = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(WireError(f"malformed HTTP answer: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; an answer without a length ends like this."""
        self._transport, self.reusable = None, False
        if self._to_the_end and exc is None:
            self._complete()
        elif not self._started:
            self._fail(LostConnectionError(str(exc or "") or "server disconnected"))
        else:
            self._fail(WireError(str(exc or "") or "server disconnected in the middle of its answer"))

    # --- called by the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for spoils the connection."""
        if self._waiter is None or self._waiter.done():
            self.reusable = False

    def on_status(self, status: bytes) -> None:
        """The text behind the status code, or a part of it."""
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.add(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        """What is left is the body."""
        status, headers = self._parser.get_status_code(), self._headers
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            self._to_the_end = status >= 200 and status not in {204, 304}
        encoding = headers.get("Content-Encoding", "identity").lower()
        if 300 <= status < 400:
            self._most = _REDIRECT_BYTES
        elif encoding in ENCODINGS:
            self._most = packed_limit(self._limit, encoding)
        length = headers.get("Content-Length", "")
        if self._most and length.isdecimal() and int(length) > self._most:
            self._fail(BodyLimitError("body size limit exceeded"))

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._most and self._size > self._most:
            self._fail(BodyLimitError("body size limit exceeded"))
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole, or it was one of those that only announce the answer."""
        if self._parser.get_status_code() < 200:
            limit = self._limit
            self._begin()
            self._started, self._limit = True, limit
            return
        if self._waiter is not None and not self._waiter.done():
            self.reusable = self._parser.should_keep_alive()
            self._complete()
