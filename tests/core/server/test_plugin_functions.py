"""Functions of plugins in a whole server: its queries, its rules, and the texts of its alerts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp import ClientSession
from tests.waiting import until

from narthex import hookimpl
from narthex.errors import ConfigError
from narthex.kinds import PromqlFunction, TemplateFunction
from narthex.server.server import Server

CONFIG = """\
global: {evaluation_interval: 50ms}
rule_files: [rules.yml]
"""
RULES = """\
groups:
- name: g
  rules:
  - {record: doubled, expr: twice(vector(21))}
  - {alert: Loud, expr: doubled > 0, annotations: {link: '{{ shout "page" }} {{ $value }}'}}
"""


def twice(values):
    return values * 2


@pytest.fixture
async def address(site, caplog):
    """Where a server with the plugin listens."""
    caplog.set_level("INFO")
    site.plugins["maths"] = SimpleNamespace(
        narthex_promql_functions=hookimpl(lambda: [PromqlFunction("twice", ("vector",), twice)]),
        narthex_template_functions=hookimpl(lambda: [TemplateFunction("shout", str.upper, ("string",))]),
    )
    site.write(CONFIG)
    site.write(RULES, "rules.yml")
    server = Server(site.server_options(), site.host())
    await server.start()
    (ready,) = [one for one in caplog.records if one.msg == "Server is ready to receive web requests"]
    yield ready.address
    await server.stop()


@pytest.fixture
async def ask(address):
    """A function that asks the server's API."""
    async with ClientSession(f"http://{address}") as session:

        async def get(path, **parameters):
            async with session.get(f"/api/v1/{path}", params=parameters) as answer:
                return (await answer.json())["data"]

        yield get


async def test_queries_call_them(ask):
    data = await ask("query", query="twice(vector(4)) + 1", time="100")
    assert data["result"][0]["value"] == [100, "9"]


async def test_rules_and_alerts_call_them(ask):

    async def alerts_now():
        return (await ask("alerts"))["alerts"]

    alerts = await until(alerts_now)
    assert alerts[0]["annotations"] == {"link": "PAGE 42"}


async def test_the_parsed_query_shows_them(ask):
    data = await ask("parse_query", query="twice(up)")
    assert data["func"] == {"name": "twice", "argTypes": ["vector"], "variadic": 0, "returnType": "vector"}


def test_without_the_plugin_the_rules_are_refused(site):
    site.write(CONFIG)
    site.write(RULES, "rules.yml")
    with pytest.raises(ConfigError, match=r'unknown function with name "twice"(.|\n)*function "shout" not defined'):
        site.plan()
