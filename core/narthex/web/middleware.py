"""What happens around every handler: counting, CORS, readiness, and turning what was raised into an answer.

Nothing that a handler raises may reach the event loop: ``SystemExit`` from a plugin's page would end the server.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram

from narthex.errors import NarthexError
from narthex.web.envelope import Handler, failure, failure_of
from narthex.web.view import ServerView

__all__ = ["middlewares"]

log = logging.getLogger(__name__)


def middlewares(view: ServerView, api: str) -> Sequence[Middleware]:
    """From the outermost to the innermost. ``api`` is the path below which the API lies, such as ``/api/``."""
    return (_measured(view.registry), _cors(api), _guarded(view, api))


def _measured(registry: CollectorRegistry) -> Middleware:
    requests = Counter(
        "prometheus_http_requests", "HTTP requests by handler and code.", ("handler", "code"), registry=registry
    )
    duration = Histogram(
        "prometheus_http_request_duration_seconds",
        "Latency of HTTP requests.",
        ("handler",),
        buckets=(0.1, 0.2, 0.4, 1, 3, 8, 20, 60, 120),
        registry=registry,
    )

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        status = 499  # the client went away: nobody got an answer
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        else:
            return response
        finally:
            resource = request.match_info.route.resource
            name = resource.canonical if resource is not None else "none"
            requests.labels(name, str(status)).inc()
            duration.labels(name).observe(time.perf_counter() - began)

    return measure


def _cors(api: str) -> Middleware:
    """Let pages of any origin use the API, as Prometheus does by default; ``/-/reload`` is not part of it."""

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(api):
            return await handler(request)
        response = web.Response(status=204) if request.method == "OPTIONS" else await handler(request)
        if "Origin" in request.headers:
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, Origin"
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            response.headers["Access-Control-Expose-Headers"] = "Date"
        return response

    return cors


def _guarded(view: ServerView, api: str) -> Middleware:
    """Errors become answers; until the storage has recovered, the API answers 503 (reference §6.2)."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        in_api = request.path.startswith(api)
        if in_api and not view.ready:
            return failure("unavailable", "the server is starting or stopping")
        try:
            return await handler(request)
        except web.HTTPException as answer:
            if not in_api or answer.status < 400:
                raise
            return _refusal(request, answer)
        except NarthexError as error:
            return failure_of(error) if in_api else web.Response(status=500, text=f"{error}\n")
        except (Exception, SystemExit) as error:
            log.exception("A request failed unexpectedly", extra={"path": request.path})
            text = f"{type(error).__name__}: {error}"
            return failure("internal", text) if in_api else web.Response(status=500, text=f"{text}\n")

    return guard


def _refusal(request: web.Request, answer: web.HTTPException) -> web.Response:
    """What aiohttp itself refuses (no such path, wrong method, body too large) in the API's envelope."""
    kind = {404: "not_found", 406: "not_acceptable"}.get(answer.status, "bad_data")
    text = f"no such API path: {request.path}" if answer.status == 404 else answer.reason
    response = failure(kind if answer.status < 500 else "internal", text, status=answer.status)
    if "Allow" in answer.headers:
        response.headers["Allow"] = answer.headers["Allow"]
    return response
