"""The aiohttp application: which path goes where, what is checked before, what is measured beside."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram

from narthex.errors import NarthexError
from narthex.kinds import WebRoute
from narthex.web.alerts import AlertRoutes
from narthex.web.envelope import Handler, api, failure
from narthex.web.lifecycle import LifecycleRoutes
from narthex.web.query import QueryRoutes
from narthex.web.series import SeriesRoutes
from narthex.web.status import StatusRoutes
from narthex.web.targets import TargetRoutes
from narthex.web.view import ServerView

__all__ = ["CORE_PATHS", "make_app"]

API = "/api/v1"
MAX_FORM_BYTES = 16 << 20  # queries are text; Go's form limit is 10 MB

CORE_PATHS = ("/api/", "/-/", "/metrics")
"""Prefixes that plugins' routes may extend but never replace."""


def make_app(view: ServerView) -> web.Application:
    """The whole application of one server."""
    app = web.Application(client_max_size=MAX_FORM_BYTES, middlewares=[_cors, _measured(view.registry), _guarded(view)])
    _add_api(app, view)
    lifecycle = LifecycleRoutes(view)
    app.router.add_get("/-/healthy", lifecycle.healthy)
    app.router.add_get("/-/ready", lifecycle.ready)
    app.router.add_route("*", "/-/reload", lifecycle.reload)
    app.router.add_get("/metrics", lifecycle.metrics)
    for contribution in view.catalog.routes.values():
        route = contribution.kind
        app.router.add_route(route.method, route.path, _plugin_route(route, view, str(contribution.origin)))
    app.router.add_route("*", "/{rest:.*}", _not_found)
    return app


def _add_api(app: web.Application, view: ServerView) -> None:
    query, series, status = QueryRoutes(view), SeriesRoutes(view), StatusRoutes(view)
    targets, alerts = TargetRoutes(view), AlertRoutes(view)
    both = {
        "query": query.instant,
        "query_range": query.range,
        "format_query": query.format,
        "series": series.series,
        "labels": series.names,
    }
    get = {
        "label/{name}/values": series.values,
        "targets": targets.targets,
        "targets/metadata": targets.target_metadata,
        "targets/relabel_steps": targets.relabel_steps,
        "scrape_pools": targets.scrape_pools,
        "metadata": targets.metadata,
        "discovery": targets.discovery,
        "rules": alerts.rules,
        "alerts": alerts.alerts,
        "alertmanagers": alerts.alertmanagers,
        "status/config": status.config,
        "status/flags": status.flags,
        "status/runtimeinfo": status.runtimeinfo,
        "status/buildinfo": status.buildinfo,
        "status/tsdb": status.tsdb,
        "status/plugins": status.plugins,
    }
    for path, handler in {**both, **get}.items():
        app.router.add_get(f"{API}/{path}", api(handler))
    for path, handler in both.items():
        app.router.add_post(f"{API}/{path}", api(handler))
    app.router.add_options(f"{API}/{{rest:.*}}", _options)


async def _options(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def _not_found(request: web.Request) -> web.StreamResponse:
    if request.path.startswith("/api/"):
        return failure("not_found", f"no such API path: {request.path}")
    return web.Response(status=404, text="404 page not found\n")


def _plugin_route(route: WebRoute, view: ServerView, origin: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await route.handle(request, view)
        except (web.HTTPException, NarthexError):
            raise
        except Exception as error:
            raise web.HTTPInternalServerError(text=f"plugin {origin} failed: {error}\n") from error

    return answer


@web.middleware
async def _cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if "Origin" in request.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, Origin"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        response.headers["Access-Control-Expose-Headers"] = "Date"
    return response


def _guarded(view: ServerView) -> Middleware:
    """Until the storage has recovered, the API answers 503 (reference §6.2)."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/") and not view.ready:
            return failure("unavailable", "the server is starting or stopping")
        return await handler(request)

    return guard


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
        response = await handler(request)
        resource = request.match_info.route.resource
        name = resource.canonical if resource is not None else "none"
        requests.labels(name, str(response.status)).inc()
        duration.labels(name).observe(time.perf_counter() - began)
        return response

    return measure
