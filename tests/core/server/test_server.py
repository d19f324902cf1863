"""A whole server in this process: starting, changing over, failing, stopping."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.waiting import until

from narthex import hookimpl
from narthex.errors import ConfigError, NarthexError
from narthex.kinds import DiscoveryKind, ReceiverKind, RelabelAction
from narthex.server.parts import build_receivers
from narthex.server.plugins import plugin_report
from narthex.server.server import Server


@dataclass(frozen=True)
class Config:
    fail: bool = False


class Quiet:
    async def send(self, *_: object) -> None:
        """Take everything."""

    async def close(self) -> None:
        self.closed = True


def plugin(**hooks: Any) -> types.SimpleNamespace:
    """A plugin whose hooks return these contributions."""
    made = types.SimpleNamespace()
    for name, kinds in hooks.items():

        def hook(kinds: Any = kinds) -> Any:
            return kinds

        setattr(made, name, hookimpl(hook))
    return made


def receivers(made: list[Quiet]) -> types.SimpleNamespace:
    def build(config: Config, _context: object) -> Quiet:
        if config.fail:
            raise SystemExit("no token")
        made.append(Quiet())
        return made[-1]

    return plugin(narthex_receiver_kinds=[ReceiverKind("memory", Config, build)])


@pytest.fixture
async def start(site: Any) -> AsyncIterator[Any]:
    servers: list[Server] = []

    async def begin(server: Server | None = None) -> Server:
        servers.append(server or Server(site.server_options(), site.host()))
        await servers[-1].start()
        return servers[-1]

    yield begin
    for server in servers:
        await server.stop()


JOBS = "scrape_configs: [{job_name: one, static_configs: [{targets: ['127.0.0.1:1']}]}]\n"


async def test_a_server_starts_shows_itself_and_stops(site: Any, start: Any) -> None:
    site.write(JOBS)
    server = await start()
    assert server.ready
    await until(lambda: server.pools()["one"].targets)
    assert server.runtime().retention == "15d"
    assert "job_name: one" in server.config_yaml()
    assert server.flags()["web.enable-lifecycle"] == "false"
    with pytest.raises(KeyError):
        server.relabel_steps("two", {})
    await server.stop()
    assert (server.ready, server.stopping) == (False, True)
    with pytest.raises(NarthexError, match="stopping"):
        await server.reload()


async def test_a_reload_changes_what_is_kept(site: Any, start: Any) -> None:
    site.write(JOBS)
    server = await start()
    site.write(JOBS + "storage: {tsdb: {retention: {time: 2d, percentage: 60}}}\n")
    await server.reload()
    assert server.runtime().retention == "2d or 60%"
    assert server.registry.get_sample_value("prometheus_tsdb_retention_limit_seconds") == 2 * 86_400
    assert server.registry.get_sample_value("prometheus_tsdb_retention_limit_bytes") > 0
    site.write(JOBS)
    await server.reload()
    assert server.registry.get_sample_value("prometheus_tsdb_retention_limit_seconds") == 15 * 86_400
    assert server.registry.get_sample_value("prometheus_tsdb_retention_limit_bytes") == 0


async def test_a_server_that_cannot_start_can_be_stopped(site: Any) -> None:
    site.write("global: {scrape_interval: soon}\n")
    server = Server(site.server_options(), site.host())
    with pytest.raises(ConfigError):
        await server.start()
    await server.stop()


async def test_a_change_that_fails_midway_is_taken_back(site: Any, start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(JOBS)
    server = await start()
    apply, failing = server._rules.apply, True

    async def broken(*args: Any) -> None:
        if failing and "two" in server.pools():
            raise RuntimeError("a bug in the rules")
        await apply(*args)

    monkeypatch.setattr(server._rules, "apply", broken)
    site.write(JOBS.replace("one", "two"))
    with pytest.raises(NarthexError, match="a bug in the rules"):
        await server.reload()
    assert list(server.pools()) == ["one"]
    assert server.runtime().reload_error == "a bug in the rules"
    failing = False
    await server.reload()
    assert list(server.pools()) == ["two"]
    assert server.runtime().reload_ok


async def test_a_bug_in_reading_refuses_the_reload(site: Any, start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(JOBS)
    server = await start()
    monkeypatch.setattr("narthex.server.server.make_plan", lambda *_: 1 / 0)
    with pytest.raises(NarthexError, match="ZeroDivisionError"):
        await server.reload()
    assert "ZeroDivisionError" in server.runtime().reload_error


async def test_a_slow_discoverer_does_not_hold_up_the_scrapes_of_others(site: Any, start: Any) -> None:
    class Slow:
        async def run(self, _publish: object) -> None:
            await asyncio.Event().wait()

    kind = DiscoveryKind("slow", Config, lambda _config, _context: Slow())
    site.plugins["slow"] = plugin(narthex_discovery_kinds=[kind])
    site.write(JOBS.replace("}]}]", "}]}, {job_name: two, slow_sd_configs: [{}]}]"))
    server = Server(site.server_options(), site.host())
    starting = asyncio.create_task(start(server))
    await until(lambda: server.ready and server.pools().get("one") and server.pools()["one"].targets)
    assert not starting.done()  # rules still wait for the slow one
    await starting


async def test_a_receiver_that_cannot_be_built_refuses_the_reload(site: Any, start: Any) -> None:
    made: list[Quiet] = []
    site.plugins["memory"] = receivers(made)
    site.write(JOBS + "narthex: {receivers: [{name: ops, memory_configs: [{}]}]}\n")
    server = await start()
    site.write(JOBS.replace("one", "two") + "narthex: {receivers: [{name: ops, memory_configs: [{}, {fail: true}]}]}\n")
    with pytest.raises(
        NarthexError, match=r"receiver ops: memory_configs\[1\]: memory of .* failed: SystemExit: no token"
    ):
        await server.reload()
    assert list(server.pools()) == ["one"]
    assert [hasattr(one, "closed") for one in made] == [False, True]


async def test_the_evaluation_interval_is_the_step_of_subqueries(site: Any, start: Any) -> None:
    site.write("global: {evaluation_interval: 10s}\n")
    server = await start()

    def points() -> int:
        query = "count_over_time((vector(1))[1m:])"
        return int(server.engine.instant(query, 1_700_000_040_000).value.values[0])

    before = points()
    site.write("global: {evaluation_interval: 30s}\n")
    await server.reload()
    assert (before, points()) == (6, 2)


async def test_a_relabel_action_that_breaks_fails_its_targets_only(site: Any, start: Any) -> None:
    def compile_(_rule: object) -> Any:
        def paint(labels: dict[str, str]) -> dict[str, str]:
            raise KeyError("brush")

        return paint

    site.plugins["paint"] = plugin(narthex_relabel_actions=[RelabelAction("paint", compile_)])
    broken = "{job_name: bad, static_configs: [{targets: [a]}], relabel_configs: [{action: paint}]}"
    site.write(JOBS.replace("}]}]", "}]}, " + broken + "]"))
    server = await start()
    await until(lambda: server.pools()["one"].targets and server.pools()["bad"].failed)
    assert "paint" in server.pools()["bad"].failed[0].error


async def test_the_report_names_plugins_what_they_bring_and_what_failed(site: Any, start: Any) -> None:
    class Failing:
        async def run(self, _publish: object) -> None:
            raise RuntimeError("the inventory burns")

    kind = DiscoveryKind("burning", Config, lambda _config, _context: Failing())
    site.plugins["fire"] = plugin(narthex_discovery_kinds=[kind])
    site.plugins["exits"] = plugin(narthex_web_routes=None)
    site.write("scrape_configs: [{job_name: one, burning_sd_configs: [{}]}]\n")
    server = await start()
    await until(lambda: server.discoverers()[0].last_error)
    report = {one["plugin"]: one for one in server.plugins()}
    assert {"stage": "web", "name": "GET /"} in report["status_page"]["contributions"]
    assert report["fire"]["contributions"] == [{"stage": "discovery", "name": "burning"}]
    (failure,) = report["fire"]["failures"]
    assert "the inventory burns" in failure["what"]
    assert failure["hook"] == "narthex_discovery_kinds"
    assert plugin_report(site.host(), ())[0]["failures"] == []


async def test_receivers_have_names_that_tell_them_apart(site: Any) -> None:
    made: list[Quiet] = []
    site.plugins["memory"] = receivers(made)
    site.write("narthex: {receivers: [{name: a, memory_configs: [{}, {}]}, {name: b, memory_configs: [{}]}]}\n")
    plan = site.plan()
    built = await build_receivers(plan.config.narthex.receivers, site.host().catalog(), lambda name: name)
    assert [(name, which) for name, which, _ in built] == [("a", "memory/0"), ("a", "memory/1"), ("b", "memory/0")]
