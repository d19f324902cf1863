"""A bad job under ``narthex: {quarantine: true}``: the rest goes into force, and nobody can overlook it."""

from __future__ import annotations

import logging
import types
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client import generate_latest
from tests.e2e.servers import free_port
from tests.waiting import until

from narthex import hookimpl
from narthex.errors import ConfigError, NarthexError
from narthex.kinds import RelabelAction
from narthex.options import ListenAddress
from narthex.server.server import Server

HEAD = "narthex: {quarantine: true}\n"
BROKEN = "{job_name: two, relabel_configs: [{action: paint}]}"


def job(name: str, port: int = 1, more: str = "") -> str:
    return f"{{job_name: {name}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]{more}}}"


def config(*jobs: str, head: str = HEAD) -> str:
    return head + "scrape_configs:\n" + "".join(f"  - {one}\n" for one in jobs)


@pytest.fixture
async def start(site: Any) -> AsyncIterator[Any]:
    servers: list[Server] = []

    async def begin(port: int = 0) -> Server:
        listen = (ListenAddress("127.0.0.1", port),)
        options = site.server_options(web_enable_lifecycle=True, web_listen_address=listen)
        servers.append(Server(options, site.host()))
        await servers[-1].start()
        return servers[-1]

    yield begin
    for server in servers:
        await server.stop()


def metric(server: Server, name: str) -> str:
    lines = generate_latest(server.registry).decode().splitlines()
    return next((line.rpartition(" ")[2] for line in lines if line.startswith(name)), "")


async def scraped(server: Server, name: str, port: int) -> None:
    """Wait until exactly this target of a job is scraped."""
    wanted = [f"http://127.0.0.1:{port}/metrics"]
    await until(lambda: [one.target.url for one in server.pools()[name].targets] == wanted)


async def test_at_the_start_a_bad_job_is_left_out_and_the_rest_runs(site: Any, start: Any) -> None:
    site.write(config(job("one"), BROKEN, job("three")))
    server = await start()
    assert sorted(server.pools()) == ["one", "three"]
    (bad,) = server.quarantined()
    assert (bad.job, bad.running) == ("two", "nothing")
    assert "prometheus.yml:4:" in bad.problems[0]
    assert "unknown relabel action 'paint'" in bad.problems[0]


async def test_a_quarantine_is_loud(site: Any, start: Any, caplog: pytest.LogCaptureFixture) -> None:
    site.write(config(job("one"), BROKEN))
    port = free_port()
    server = await start(port)
    assert [record.job for record in caplog.records if record.levelno == logging.ERROR] == ["two"]
    assert metric(server, "prometheus_config_last_reload_successful") == "0.0"
    assert metric(server, "narthex_config_quarantined_jobs") == "1.0"
    assert metric(server, 'narthex_config_quarantined_job{running="nothing",scrape_job="two"}') == "1.0"
    base = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/api/v1/status/quarantine") as answer:
            (shown,) = (await answer.json())["data"]["quarantinedJobs"]
        async with session.get(f"{base}/api/v1/status/runtimeinfo") as answer:
            runtime = (await answer.json())["data"]
        async with session.get(f"{base}/") as answer:
            page = await answer.text()
        async with session.post(f"{base}/-/reload") as answer:
            assert (answer.status, "'two'" in await answer.text()) == (200, True)
    assert (shown["job"], shown["running"]) == ("two", "nothing")
    assert runtime["reloadConfigSuccess"] is False
    assert "job 'two' is in quarantine, it is not scraped" in runtime["reloadConfigError"]
    assert "Job in quarantine: two" in page
    assert "reload failed" not in page


async def test_a_running_job_goes_on_as_it_was_until_it_is_right_again(site: Any, start: Any) -> None:
    site.write(config(job("one"), job("two", 2)))
    server = await start()
    await scraped(server, "two", 2)
    pool = server._jobs.pools()["two"]
    for turn in range(2):  # a second reload must not forget what runs
        site.write(config(job("one", 10 + turn), BROKEN))
        await server.reload()
        assert sorted(server.pools()) == ["one", "two"]
        await scraped(server, "one", 10 + turn)
        await scraped(server, "two", 2)
        assert server._jobs.pools()["two"] is pool
        assert [one.running for one in server.quarantined()] == ["previous"]
    assert "job_name: two" in server.config_yaml()
    site.write(config(job("one"), job("two", 3)))
    await server.reload()
    await scraped(server, "two", 3)
    assert server.quarantined() == ()
    assert server.runtime().reload_ok
    assert metric(server, "prometheus_config_last_reload_successful") == "1.0"
    assert metric(server, "narthex_config_quarantined_jobs") == "0.0"


async def test_a_quarantine_tells_since_when(site: Any, start: Any) -> None:
    site.write(config(job("one"), BROKEN))
    server = await start()
    (first,) = server.quarantined()
    await server.reload()
    assert server.quarantined()[0].since == first.since


async def test_a_job_that_leaves_the_file_leaves_the_quarantine(site: Any, start: Any) -> None:
    site.write(config(job("one"), job("two")))
    server = await start()
    site.write(config(job("one"), BROKEN))
    await server.reload()
    site.write(config(job("one")))
    await server.reload()
    assert (list(server.pools()), server.quarantined()) == (["one"], ())


async def test_of_two_jobs_of_one_name_the_first_is_in_force(site: Any, start: Any) -> None:
    site.write(config(job("one", 1), job("one", 2)))
    server = await start()
    await scraped(server, "one", 1)
    assert [(one.job, one.previous) for one in server.quarantined()] == [("one", False)]


async def test_a_bad_job_of_an_included_file_is_set_apart_by_itself(site: Any, start: Any) -> None:
    site.write(config(job("one"), head=HEAD + "scrape_config_files: [more.yml]\n"))
    site.write(config(BROKEN, job("three"), head=""), "more.yml")
    server = await start()
    assert sorted(server.pools()) == ["one", "three"]
    assert "more.yml:2:" in server.quarantined()[0].problems[0]


async def test_a_job_whose_action_cannot_be_compiled_is_set_apart(site: Any, start: Any) -> None:
    def refuse(_rule: object) -> Any:
        raise SystemExit("no licence")

    plugin = types.SimpleNamespace()
    plugin.narthex_relabel_actions = hookimpl(_named("narthex_relabel_actions", [RelabelAction("stamp", refuse)]))
    site.plugins["stamper"] = plugin
    site.write(config(job("one"), job("two", more=", relabel_configs: [{action: stamp}]")))
    server = await start()
    assert list(server.pools()) == ["one"]
    assert "stamp of stamper" in server.quarantined()[0].problems[0]


def _named(name: str, kinds: list[Any]) -> Any:
    def hook() -> Any:
        return kinds

    hook.__name__ = name
    return hook


@pytest.mark.parametrize(
    "text",
    [
        config(job("one"), BROKEN, head=""),  # nobody asked for it
        config(job("one"), BROKEN, head="narthex: {quarantine: false}\n"),
        config(job("one"), BROKEN, head=HEAD + "global: {scrape_interval: soon}\n"),  # something else is wrong, too
        config(job("one"), "{static_configs: [], colour: blue}"),  # nobody knows which job it replaces
        config(job("one"), "a text"),
        config(job("one"), head=HEAD + "scrape_config_files: [torn.yml]\n"),  # its jobs are not known
    ],
)
async def test_what_does_not_concern_one_known_job_is_refused_whole(site: Any, start: Any, text: str) -> None:
    site.write("scrape_configs: [{", "torn.yml")
    site.write(config(job("zero")))
    server = await start()
    site.write(text)
    with pytest.raises(ConfigError):
        await server.reload()
    assert (list(server.pools()), server.quarantined()) == (["zero"], ())
    assert not server.runtime().reload_ok


async def test_a_refused_reload_is_told_beside_a_quarantine(site: Any, start: Any) -> None:
    site.write(config(job("one"), BROKEN))
    server = await start()
    site.write("global: {scrape_interval: soon}\n")
    with pytest.raises(NarthexError):
        await server.reload()
    runtime = server.runtime()
    assert (runtime.reload_ok, runtime.partial, "soon" in runtime.reload_error) == (False, False, True)
    assert [one.job for one in server.quarantined()] == ["two"]
