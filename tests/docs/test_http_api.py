"""The reference page of the HTTP API names what is served, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import web
from aiohttp.hdrs import METH_ANY, METH_HEAD
from tests.core.web.fakeview import FakeView

from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.web.app import make_app
from narthex_plugins import status_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http-api.md"


def documented() -> set[tuple[str, str]]:
    rows = re.findall(r"^\| ((?:`[A-Z]+` )+)`(/[^`]*)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {(method, path) for methods, path in rows for method in re.findall("[A-Z]+", methods)}


def served(app: web.Application) -> set[tuple[str, str]]:
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        # A handler of any method refuses the others itself.
        methods = {"POST", "PUT"} if route.method == METH_ANY else {route.method} - {METH_HEAD}
        found |= {(method, route.resource.canonical) for method in methods}
    return found


async def test_the_page_lists_the_routes_that_are_served() -> None:
    view = FakeView()
    shipped = status_page.narthex_web_routes()
    view.catalog = Catalog(routes={one.path: Contribution(one, Origin("page", "narthex", "0")) for one in shipped})
    assert documented() == served(make_app(view))
