"""The aiohttp application: which path goes where. What happens around every handler is in ``middleware``."""

from __future__ import annotations

import logging
from inspect import isawaitable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from narthex.errors import PluginError
from narthex.kinds import WebRoute
from narthex.plugins.catalog import Contribution
from narthex.web.admin import AdminRoutes
from narthex.web.alerts import AlertRoutes
from narthex.web.envelope import Handler
from narthex.web.lifecycle import LifecycleRoutes
from narthex.web.middleware import middlewares
from narthex.web.query import QueryRoutes
from narthex.web.relabel import RelabelRoutes
from narthex.web.series import SeriesRoutes
from narthex.web.status import StatusRoutes
from narthex.web.targets import TargetRoutes
from narthex.web.view import ServerView
from narthex.web.why import WhyRoutes

__all__ = ["make_app"]

log = logging.getLogger(__name__)

MAX_FORM_BYTES = 16 << 20  # queries are text; Go's form limit is 10 MB


def make_app(view: ServerView) -> web.Application:
    """The whole application of one server, below the path of its external URL."""
    prefix = urlsplit(view.external_url).path.rstrip("/")
    app = web.Application(client_max_size=MAX_FORM_BYTES, middlewares=middlewares(view, f"{prefix}/api/"))
    _add_api(app, view, f"{prefix}/api/v1")
    lifecycle = LifecycleRoutes(view)
    app.router.add_get(f"{prefix}/-/healthy", lifecycle.healthy)
    app.router.add_get(f"{prefix}/-/ready", lifecycle.ready)
    app.router.add_route("*", f"{prefix}/-/reload", lifecycle.reload)
    app.router.add_route("*", f"{prefix}/-/quit", lifecycle.quit)
    app.router.add_get(f"{prefix}/metrics", lifecycle.metrics)
    for contribution in view.catalog.routes.values():
        _add_plugin_route(app, view, contribution, prefix)
    if prefix:
        app.router.add_get("/", _redirect(f"{prefix}/"))
    return app


def _add_api(app: web.Application, view: ServerView, root: str) -> None:
    query, series, status = QueryRoutes(view), SeriesRoutes(view), StatusRoutes(view)
    targets, alerts, why, relabel = TargetRoutes(view), AlertRoutes(view), WhyRoutes(view), RelabelRoutes(view)
    both = {
        "query": query.instant,
        "query_range": query.range,
        "query_explain": query.explain,
        "query_exemplars": query.exemplars,
        "format_query": query.format,
        "parse_query": query.parse,
        "series": series.series,
        "labels": series.names,
    }
    get = {
        "label/{name}/values": series.values,
        "targets": targets.targets,
        "targets/metadata": targets.target_metadata,
        "targets/relabel_steps": relabel.steps,
        "relabel/explain": relabel.explain,
        "why/target": why.target,
        "targets/duplicates": why.duplicates,
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
        "status/quarantine": status.quarantine,
    }
    for path, handler in {**both, **get}.items():
        app.router.add_get(f"{root}/{path}", handler)
    for path, handler in both.items():
        app.router.add_post(f"{root}/{path}", handler)
    admin = AdminRoutes(view)
    for path, handler in {
        "delete_series": admin.delete_series,
        "clean_tombstones": admin.clean_tombstones,
        "snapshot": admin.snapshot,
    }.items():
        for method in ("POST", "PUT"):
            app.router.add_route(method, f"{root}/admin/tsdb/{path}", handler)
    app.router.add_post(f"{root}/discovery/{{job}}/accept", targets.accept_updates)


def _redirect(to: str) -> Handler:
    async def redirect(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(to)

    return redirect


def _add_plugin_route(
    app: web.Application, view: ServerView, contribution: Contribution[WebRoute], prefix: str
) -> None:
    """Serve a plugin's page. One that aiohttp refuses is left out with a word, so that the server still starts."""
    route, origin = contribution.kind, contribution.origin
    extra = {"plugin": origin.plugin, "distribution": origin.distribution, "version": origin.version}
    try:
        app.router.add_route(route.method, prefix + route.path, _contained(route, view, str(origin), extra))
    except (ValueError, RuntimeError) as error:
        log.error("A plugin's web route was left out", extra={**extra, "path": route.path, "err": str(error)})  # noqa: TRY400 -- the plugin's mistake


def _contained(route: WebRoute, view: ServerView, origin: str, extra: dict[str, Any]) -> Handler:
    """The plugin's handler; what it raises becomes an error that names it, logged where it is another than before."""
    last = ""

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal last
        try:
            answering: object = route.handle(request, view)
            if not isawaitable(answering):
                raise TypeError("its handle is not async; write async def handle(request, server)")
            response: object = await answering
            if not isinstance(response, web.StreamResponse):
                raise TypeError(f"answered {type(response).__name__}, expected a response")
        except web.HTTPException:
            raise
        except (Exception, SystemExit) as error:
            text = f"{route.method} {route.path} of {origin} failed: {type(error).__name__}: {error}"
            if text != last:
                log.exception("A plugin's web route failed", extra={**extra, "path": route.path})
            last = text
            raise PluginError(text) from error
        last = ""
        return response

    return answer
