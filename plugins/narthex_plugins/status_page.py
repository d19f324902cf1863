"""The page at ``/``: targets, alerts and discovery as plain HTML, enough to see whether all is well.

A web route like any stranger's: it sees the server through the same read-only view that the API has.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from narthex import __version__, hookimpl
from narthex.kinds import WebRoute
from narthex_plugins.page import document, labels_text, table

if TYPE_CHECKING:
    from aiohttp import web

    from narthex.discovery.state import DiscovererStatus
    from narthex.web.view import ServerView

__all__ = ["narthex_web_routes", "status_page"]


@hookimpl
def narthex_web_routes() -> Iterable[WebRoute]:
    """The status page."""
    return [WebRoute(method="GET", path="/", handle=status_page, summary="Targets, alerts and discovery as a page.")]


async def status_page(_request: web.Request, server: ServerView) -> web.StreamResponse:
    """Render the page."""
    from aiohttp import web

    sections = (*_notices(server), *_targets(server), *_alerts(server), *_discovery(server), *_links())
    page = document(f"Narthex {__version__}", sections, refresh=5)
    return web.Response(text=page, content_type="text/html")


def _notices(server: ServerView) -> Iterable[str]:
    runtime = server.runtime()
    if not server.ready:
        yield '<p class="pending">The server is starting or stopping.</p>'
    for one in server.quarantined():
        goes_on = "its previous version goes on" if one.running == "previous" else "it is not scraped"
        text = f"{one.job}, since {_moment(one.since)}; {goes_on}: {'; '.join(one.problems)}"
        yield f'<p class="down">Job in quarantine: {html.escape(text)}</p>'
    if not (runtime.reload_ok or runtime.partial):
        yield f'<p class="down">The last configuration reload failed: {html.escape(runtime.reload_error)}</p>'


def _targets(server: ServerView) -> Iterable[str]:
    yield "<h2>Targets</h2>"
    for name, pool in sorted(server.pools().items()):
        up = sum(one.health == "up" for one in pool.targets)
        dropped = f", {pool.dropped_count} dropped by relabeling" if pool.dropped_count else ""
        yield f"<h3>{html.escape(name)} ({up}/{len(pool.targets)} up{dropped})</h3>"
        rows = [
            (
                _link(one.target.url),
                _state(one.health),
                labels_text(one.target.public),
                f"{one.last_duration * 1000:.1f} ms",
                html.escape(one.last_error),
            )
            for one in pool.targets
        ]
        rows += [(html.escape(str(one)), _state("failed"), "", "", html.escape(one.error)) for one in pool.failed]
        yield table(("Endpoint", "State", "Labels", "Took", "Error"), rows)


def _alerts(server: ServerView) -> Iterable[str]:
    yield "<h2>Alerts</h2>"
    rows = [
        (
            html.escape(rule.name),
            _state(rule.state if rule.health != "err" else "err"),
            f"<code>{html.escape(rule.query)}</code>",
            str(len(rule.alerts)),
            "<br>".join(f"{_state(alert.state)} {labels_text(alert.labels)}" for alert in rule.alerts)
            or html.escape(rule.last_error),
        )
        for group in server.rule_groups()
        for rule in group.rules
        if rule.kind == "alerting"
    ]
    yield table(("Rule", "State", "Expression", "Active", "Alerts"), rows)
    active, _ = server.alertmanagers()
    yield f"<p>Alertmanagers: {', '.join(map(_link, active)) or 'none'}</p>"


def _discovery(server: ServerView) -> Iterable[str]:
    yield "<h2>Discovery</h2>"
    for held in server.held_updates():
        until = f", until {_moment(held.until)}" if held.until is not None else ""
        text = f"{held.job} ({held.provider}): {held.reason}; {held.kept} targets are kept{until}"
        yield f'<p class="down">Held update: {html.escape(text)}</p>'
    for saved in server.restored_groups():
        text = f"{saved.job} ({saved.provider}): {saved.targets} targets as of {_moment(saved.confirmed)}"
        yield f'<p class="pending">From disk, not confirmed since the start: {html.escape(text)}</p>'
    rows = [
        (
            html.escape(one.provider),
            _state(one.state.value),
            html.escape(", ".join(one.jobs)),
            str(one.targets),
            html.escape(str(one.origin or "")),
            html.escape(_problem(one)),
        )
        for one in server.discoverers()
    ]
    yield table(("Source", "State", "Jobs", "Targets", "Plugin", "Last error"), rows)


def _problem(one: DiscovererStatus) -> str:
    """What is wrong with a discoverer, or was."""
    if one.troubles:
        (part, reason), more = one.troubles[0], len(one.troubles) - 1
        return f"{part}: {reason}" + (f" (and {more} more)" if more else "")
    return one.skipped if one.state.value == "ok" and one.skipped else one.last_error


def _links() -> Iterable[str]:
    # Relative, because the path of the external URL stands before them.
    paths = ("graph", "metrics", "api/v1/targets", "api/v1/rules", "api/v1/status/plugins", "api/v1/status/config")
    links = [f'<a href="{path}">{path}</a>' for path in paths]
    yield f"<h2>More</h2><p>{' · '.join(links)}</p>"


def _state(state: str) -> str:
    return f'<span class="{html.escape(state)}">{html.escape(state)}</span>'


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds").removesuffix("+00:00") + " UTC"


def _link(url: str) -> str:
    """A link to a URL that discovery made up; any other scheme than HTTP's could be code, so it stays text."""
    escaped = html.escape(url)
    if not url.startswith(("http://", "https://")):
        return escaped
    return f'<a href="{escaped}">{escaped}</a>'
