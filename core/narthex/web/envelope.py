"""The answer envelope of the API: status, data, warnings, error types and their HTTP codes (reference §6.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiohttp import web

from narthex.errors import (
    NarthexError,
    ParseError,
    QueryCancelledError,
    QueryError,
    QueryTimeoutError,
    StorageError,
)
from narthex.web.params import BadParameterError

__all__ = ["ApiError", "api", "failure", "success", "success_bytes"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CODES = {
    "bad_data": 400,
    "not_found": 404,
    "not_acceptable": 406,
    "execution": 422,
    "canceled": 499,
    "internal": 500,
    "timeout": 503,
    "unavailable": 503,
}

_KINDS: Sequence[tuple[type[NarthexError], str]] = (
    (BadParameterError, "bad_data"),
    (ParseError, "bad_data"),
    (QueryTimeoutError, "timeout"),
    (QueryCancelledError, "canceled"),
    (QueryError, "execution"),
    (StorageError, "internal"),
)


class ApiError(NarthexError):
    """An error whose API type is known where it is raised."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


def success(data: Any, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> web.Response:
    """``data`` as JSON in a success envelope."""
    return success_bytes(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS), warnings=warnings, infos=infos)


def success_bytes(data: bytes, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> web.Response:
    """Data that is JSON already, in a success envelope."""
    parts = [b'{"status":"success","data":', data]
    for name, texts in ((b"warnings", warnings), (b"infos", infos)):
        if texts:
            parts += [b',"', name, b'":', orjson.dumps(list(texts))]
    parts.append(b"}")
    return web.Response(body=b"".join(parts), content_type="application/json")


def failure(kind: str, message: str) -> web.Response:
    """An error envelope of the given API error type."""
    body = orjson.dumps({"status": "error", "errorType": kind, "error": message})
    return web.Response(status=_CODES[kind], body=body, content_type="application/json")


def api(handler: Handler) -> Handler:
    """Turn Narthex's own errors into error envelopes; anything else is an internal error and keeps its traceback."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return failure(error.kind, str(error))
        except NarthexError as error:
            kind = next((name for type_, name in _KINDS if isinstance(error, type_)), "internal")
            return failure(kind, str(error))

    return answer
