"""botocore's requests, sent by Narthex's own HTTP client.

botocore makes and signs a request, and offers it to handlers of ``before-send`` before it opens a connection itself. So
every key of ``http_config`` (TLS, proxy, headers) means here what it means everywhere, the environment's proxies are
used on request only, and an answer has a limit in size and time. What botocore does with an answer stays its own:
errors, retries, pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Self

from narthex.clock import Clock
from narthex.config.http import HttpConfig
from narthex.http.client import Answer, HttpClient, make_session
from narthex.http.errors import HttpError

__all__ = ["Abandoned", "Transport"]

_SECONDS = 30.0
"""For one request with its whole answer."""

_LIMIT = 64 * 1024 * 1024
"""Bytes of one answer; a page of a thousand instances has 5 to 10 MB."""


class Abandoned(BaseException):
    """The discoverer stops. Not an ``Exception``: botocore would take that as a reason to try again."""


class Transport:
    """An async context; while it is open, :meth:`send` works in other threads than the one of the event loop."""

    def __init__(self, config: HttpConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._client: HttpClient | None = None
        self._pending: set[Future[Answer]] = set()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._client = make_session(self._config, self._clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        for future in tuple(self._pending):
            future.cancel()
        if client is not None:
            await client.close()

    def send(self, request: Any, **_: Any) -> Any:
        """Handle ``before-send``: from an ``AWSPreparedRequest`` to an ``AWSResponse``.

        Raises botocore's ``HTTPClientError``, which it may try again, where there is no answer, and ``Abandoned`` once
        the transport is closed.
        """
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import HTTPClientError

        client = self._client
        if client is None:
            raise Abandoned
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = {name: _text(value) for name, value in request.headers.items()}
        asking = client.request(request.method, request.url, seconds=_SECONDS, headers=headers, data=body, limit=_LIMIT)
        future = asyncio.run_coroutine_threadsafe(asking, self._loop)
        self._pending.add(future)
        try:
            answer = future.result(_SECONDS * 2)  # the loop may have gone between the look above and now
        except HttpError as error:
            raise HTTPClientError(error=error) from error
        except CancelledError:
            raise Abandoned from None
        finally:
            self._pending.discard(future)
        return AWSResponse(request.url, answer.status, _without_encoding(answer), _Body(answer.body))


class _Body:
    """The part of urllib3's response that an ``AWSResponse`` reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def _without_encoding(answer: Answer) -> dict[str, str]:
    """The body is unpacked already."""
    return {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
