"""The page at ``/`` in every state, with hostile text."""

from __future__ import annotations

import html
from html.parser import HTMLParser
from typing import Any

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from tests.core.web.fakeview import FakeView

from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus, State
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.plugins.catalog import Origin
from narthex.rules.status import AlertStatus, GroupStatus, RuleStatus
from narthex.scrape.status import PoolStatus, TargetStatus
from narthex.targets import FailedTarget
from narthex_plugins.status_page import status_page

EVIL = '<script>alert("x")</script>&"\''


def target(health: Any, error: str = "") -> TargetStatus:
    labels = Labels({"job": "node", "instance": "a:1", "note": EVIL})
    one = Target("node", labels, f"http://a:1/{EVIL}", labels, labels, 1000, 1000)
    return TargetStatus(one, health, error, 1_700_000_000_000, 0.25)


def rule(name: str, state: str, health: str = "ok") -> RuleStatus:
    alerts = (AlertStatus(Labels({"alertname": EVIL}), Labels({}), state, 1.0, 1.0),) if state == "firing" else ()
    return RuleStatus("alerting", name, f'up{{x="{EVIL}"}}', {}, health, EVIL, 1.0, 0.1, alerts=alerts, state=state)


def discoverer(state: State) -> DiscovererStatus:
    return DiscovererStatus(
        provider="file/0", kind="file", jobs=(EVIL,), origin=Origin("file", EVIL, "1"), state=state, last_error=EVIL,
        last_success=None, restarts=1, failures={}, groups=0, targets=0,
    )  # fmt: skip


def full() -> FakeView:
    view = FakeView()
    failed = FailedTarget("node", Labels({"__address__": EVIL}), EVIL, "file/0", EVIL, 0)
    targets = [target("up"), target("down", EVIL), target("unknown")]
    view.found_pools = {EVIL: PoolStatus(EVIL, targets, (), 3, (failed,)), "empty": PoolStatus("empty")}
    rules = tuple(rule(f"{state}{EVIL}", state) for state in ("unknown", "inactive", "pending", "firing"))
    rules += (rule("broken", "inactive", "err"),)
    view.groups = [GroupStatus("rules.yml", "group", 1.0, 0.0, 0, 1.0, 0.1, rules)]
    view.found_alertmanagers = ([f"http://am/{EVIL}"], [])
    view.found_discoverers = [discoverer(state) for state in State]
    view.held = [HeldUpdate(EVIL, "file/0", "file", EVIL, 0.0, until, 10, 1, 9) for until in (300.0, None)]
    view.restored = [RestoredGroups(EVIL, "file/0", "file", 0.0, 7)]
    view.reload_error = EVIL
    return view


async def rendered(view: FakeView) -> str:
    answer = await status_page(make_mocked_request("GET", "/"), view)
    assert isinstance(answer, web.Response)
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert answer.text is not None
    return answer.text


class Reader(HTMLParser):
    """Collects tags, text, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert {name for name, _ in attrs} <= {"href", "class", "lang", "charset", "name", "content", "http-equiv"}

    def handle_data(self, data: str) -> None:
        self.said += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


async def test_every_state_is_shown() -> None:
    page = await rendered(full())
    for state in ("up", "down", "unknown", "failed", "inactive", "pending", "firing", "err", *State):
        name = state.value if isinstance(state, State) else state
        assert f'<span class="{name}">{name}</span>' in page
    assert "(1/3 up, 3 dropped by relabeling)" in page
    assert "The last configuration reload failed" in page


async def test_no_text_of_targets_rules_or_plugins_becomes_markup() -> None:
    page = await rendered(full())
    assert "<script" not in page
    reader = read(page)
    assert "script" not in reader.tags
    assert reader.said.count("<script>") >= 10
    assert f"http://a:1/{EVIL}" in reader.links
    assert html.escape(EVIL) in page


async def test_links_stay_below_the_pages_own_path() -> None:
    links = [link for link in read(await rendered(FakeView())).links if not link.startswith("http")]
    assert links
    assert not [link for link in links if link.startswith("/")]


async def test_nothing_to_show_is_said() -> None:
    page = await rendered(FakeView())
    assert page.count("<p>None.</p>") >= 2
    assert "Alertmanagers: none" in page
    view = FakeView()
    view.ready = False
    assert "starting or stopping" in await rendered(view)


async def test_a_link_that_would_run_code_is_no_link() -> None:
    view = FakeView()
    one = target("up").target
    bad = Target(one.job, one.labels, "javascript:alert(1)", one.discovered, one.public, 1000, 1000)
    view.found_pools = {"node": PoolStatus("node", [TargetStatus(bad, "up")])}
    assert "javascript:alert(1)" not in read(await rendered(view)).links


async def test_held_updates_and_targets_from_disk_are_shown() -> None:
    text = html.unescape(await rendered(full()))
    assert f"Held update: {EVIL} (file/0): {EVIL}; 9 targets are kept, until 1970-01-01 00:05:00 UTC" in text
    assert f"Held update: {EVIL} (file/0): {EVIL}; 9 targets are kept</p>" in text
    assert f"not confirmed since the start: {EVIL} (file/0): 7 targets as of 1970-01-01 00:00:00 UTC" in text
