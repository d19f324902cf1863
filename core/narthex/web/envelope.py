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

__all__ = ["ApiError", "Handler", "failure", "failure_of", "json_bytes", "success", "success_bytes"]

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

_MOST = 10
"""So many annotations of a kind are answered, as in Prometheus."""

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


def json_bytes(data: Any) -> bytes:
    """``data`` as JSON. What is not UTF-8 in a text (held as surrogate escapes) becomes U+FFFD, as in Prometheus."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return orjson.dumps(_readable(data))


def _readable(data: Any) -> Any:
    match data:
        case str():
            return data.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        case dict():
            return {_readable(name): _readable(value) for name, value in data.items()}
        case list() | tuple():
            return [_readable(one) for one in data]
    return data


def success(data: Any, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> web.Response:
    """``data`` as JSON in a success envelope."""
    return success_bytes(json_bytes(data), warnings=warnings, infos=infos)


def success_bytes(data: bytes, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> web.Response:
    """Data that is JSON already, in a success envelope. Of many warnings or infos the first ten, and a count."""
    parts = [b'{"status":"success","data":', data]
    for kind, texts in (("warning", warnings), ("info", infos)):
        if texts:
            parts += [f',"{kind}s":'.encode(), json_bytes(_first(texts, kind))]
    parts.append(b"}")
    return web.Response(body=b"".join(parts), content_type="application/json")


def _first(texts: Sequence[str], kind: str) -> list[str]:
    more = len(texts) - _MOST
    return [*texts[:_MOST], f"{more} more {kind} annotations omitted"] if more > 0 else list(texts)


def failure(kind: str, message: str, *, status: int | None = None) -> web.Response:
    """An error envelope of the given API error type; ``status`` replaces the type's own HTTP code."""
    body = json_bytes({"status": "error", "errorType": kind, "error": message})
    return web.Response(status=status or _CODES[kind], body=body, content_type="application/json")


def failure_of(error: NarthexError) -> web.Response:
    """The error envelope of an error that was raised on purpose."""
    if isinstance(error, ApiError):
        return failure(error.kind, str(error))
    kind = next((name for type_, name in _KINDS if isinstance(error, type_)), "internal")
    return failure(kind, str(error))
