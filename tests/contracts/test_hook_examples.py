"""The plugin in each hook's docstring is loaded, and what it contributes is used."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from tests.contracts.rendering import example

from narthex import hookimpl, hookspec
from narthex.cli.main import main
from narthex.config.relabel import RelabelConfig
from narthex.errors import ExpositionError, MissingExtraError, NotifyError
from narthex.gotemplate import Template
from narthex.gotemplate.contributed import plugin_functions
from narthex.kinds import (
    Command,
    DiscoveryKind,
    Notification,
    PromqlFunction,
    ReceiverKind,
    RelabelAction,
    ScrapeKind,
    StorageKind,
    TemplateFunction,
    WebRoute,
)
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.plugins.catalog import Catalog
from narthex.plugins.extras import require
from narthex.plugins.host import PluginHost
from narthex.promql.contributed import with_plugins
from narthex.promql.engine import Engine
from narthex.promql.engine.functions.contributed import standard_and
from narthex.storage.protocol import Batch
from narthex.testing.storage import MemoryStorage


@pytest.fixture
def loaded(monkeypatch):
    """A function that gives the one contribution of a hook's example, or all of them."""

    def load(hook, kind, *, all_of_them=False):
        plugin = ModuleType(f"example_of_{hook}")
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)  # dataclasses look their module up
        exec(compile(example(getattr(hookspec, hook)), plugin.__name__, "exec"), vars(plugin))
        host = PluginHost({"example": plugin}, scan=False)
        assert host.failures() == ()
        contributions = host.contributions(kind)
        assert all_of_them or len(contributions) == 1
        return contributions if all_of_them else contributions[0]

    return load


async def test_narthex_discovery_kinds_brings_a_discoverer_that_publishes(loaded):
    kind = loaded("narthex_discovery_kinds", DiscoveryKind).kind
    published = []
    await kind.build(kind.config(rack="r7"), None).run(published.append)
    ((group,),) = published
    assert group.targets[0] == {"__address__": "r7-1.example:9100"}
    assert len(group.targets) == 42


def test_narthex_relabel_actions_brings_an_action_that_changes_labels(loaded):
    kind = loaded("narthex_relabel_actions", RelabelAction).kind
    rule = RelabelConfig(source_labels=("host",), target_label="reversed", action="reverse")
    assert list(kind.check(rule, False)) == []
    assert kind.compile(rule)({"host": "a.b.c"}) == {"host": "a.b.c", "reversed": "c.b.a"}
    assert [key for key, _ in kind.check(RelabelConfig(action="reverse"), False)] == ["target_label"]


def test_narthex_scrape_kinds_brings_a_parser_that_names_the_bad_line(loaded):
    kind = loaded("narthex_scrape_kinds", ScrapeKind).kind
    assert kind.parse(b"a,1\nb,2\n", "text/csv") == []
    with pytest.raises(ExpositionError, match="line 2"):
        kind.parse(b"a,1\nb\n", "text/csv")


def test_narthex_storage_kinds_is_listed_without_its_package_and_says_so_when_used(loaded):
    contribution = loaded("narthex_storage_kinds", StorageKind)
    assert contribution.kind.config().bucket == "samples"
    with pytest.raises(MissingExtraError, match="pip install lake_client"):
        require(contribution)


async def test_narthex_receiver_kinds_brings_a_receiver_that_sends(loaded, tmp_path):
    kind = loaded("narthex_receiver_kinds", ReceiverKind).kind
    command = tmp_path / "page"
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/paged\n')
    command.chmod(0o755)
    receiver = kind.build(kind.config(command=str(command)), None)
    await receiver.send(Notification("night", [Alert(Labels({"alertname": "Down"}))]), deadline=0.0)
    await receiver.close()
    assert (tmp_path / "paged").read_text() == "Down\n"


async def test_narthex_receiver_kinds_may_raise_when_sending_fails(loaded):
    kind = loaded("narthex_receiver_kinds", ReceiverKind).kind
    receiver = kind.build(kind.config(command="false"), None)
    with pytest.raises(NotifyError, match="status 1"):
        await receiver.send(Notification("night", []), deadline=0.0)


async def test_narthex_web_routes_brings_a_page_that_answers(loaded):
    route = loaded("narthex_web_routes", WebRoute).kind
    answer = await route.handle(None, None)
    assert answer.text == "hello"


def test_narthex_commands_brings_a_command_of_the_command_line(loaded, capsys):
    kind = loaded("narthex_commands", Command).kind
    plugin = SimpleNamespace(narthex_commands=hookimpl(lambda: [kind]))
    assert main(lambda: {"lake": plugin}, ["lake", "b1"], scan=False) == 0
    assert capsys.readouterr().out == "b1: nothing yet\n"
    assert main(lambda: {"lake": plugin}, ["--help"], scan=False) == 0
    assert "Say what a bucket holds." in capsys.readouterr().out


def test_narthex_promql_functions_brings_functions_that_queries_call(loaded):
    kinds = loaded("narthex_promql_functions", PromqlFunction, all_of_them=True)
    catalog = Catalog(promql={one.kind.name: one for one in kinds})
    storage = MemoryStorage()
    lane = storage.open_lane(1000, 0)
    lane.extend(storage.register([Labels({"__name__": "share"})]))
    for second, value in enumerate((0.25, 0.5, 0.75)):
        storage.append(Batch(lane, second * 1000, np.array([value])))
    engine = Engine(storage, options=with_plugins(catalog), functions=standard_and(catalog))
    assert engine.instant("logit(share, 3)", 2000).value.values.tolist() == pytest.approx([1.0])
    assert engine.instant("spread_over_time(share[1m])", 2000).value.values.tolist() == [0.5]


def test_narthex_template_functions_brings_a_function_that_templates_call(loaded):
    contribution = loaded("narthex_template_functions", TemplateFunction)
    functions = plugin_functions(Catalog(templates={"runbook": contribution}))
    assert Template('{{ runbook "DiskFull" }}', "t", functions).execute(None) == "https://runbooks.example/diskfull"
