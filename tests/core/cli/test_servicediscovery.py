from __future__ import annotations

import asyncio
import json

import pytest

from narthex import hookimpl
from narthex.errors import DiscoveryError
from narthex.kinds import DiscoveryKind
from narthex_plugins.standard import shipped
from narthex_plugins.static import StaticConfig

CONFIG = """
scrape_configs:
- job_name: node
  static_configs:
  - {targets: ["a:1", "b:1", "b:1"], labels: {env: prod}}
  - {targets: ["c:1"], labels: {env: test, __metrics_path__: /other}}
  - {targets: ["bad/host"]}
  relabel_configs:
  - {source_labels: [env], regex: test, action: drop}
  - {action: labeldrop, regex: env}
- job_name: broken
  static_configs: [{targets: ["a:1"]}]
  broken_sd_configs: [{}]
- job_name: half
  half_sd_configs: [{}]
"""


class Broken:
    async def run(self, publish):
        raise DiscoveryError("the backend is away")


class Half:
    def __init__(self, context):
        self._trouble = context.trouble

    async def run(self, publish):
        self._trouble("rack 7", "no answer")
        publish([])
        await asyncio.Event().wait()


class BrokenPlugin:
    @hookimpl
    def narthex_discovery_kinds(self):
        return [
            DiscoveryKind("broken", StaticConfig, lambda config, context: Broken()),
            DiscoveryKind("half", StaticConfig, lambda config, context: Half(context)),
        ]


@pytest.fixture
def discover(narthex, tmp_path):
    file = tmp_path / "p.yml"
    file.write_text(CONFIG)
    plugins = {**shipped(), "broken": BrokenPlugin()}
    return lambda *arguments: narthex("check", "service-discovery", file, *arguments, shipped=plugins)


def test_targets_dropped_and_failed_ones_are_told_apart(discover):
    outcome = discover("node")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == (
        "Job node: 2 targets, 1 dropped, 1 failed\n"
        '  http://a:1/metrics  {instance="a:1", job="node"}\n'
        '  http://b:1/metrics  {instance="b:1", job="node"}\n'
        "Discovered twice\n"
        "  http://b:1/metrics  of static/0 0 equals the one of static/0 0\n"
        "Dropped\n"
        '  {__address__="c:1", __metrics_path__="/other", env="test"}\n'
        '    by relabel_configs[0]: drop {source_labels: ["env"], regex: "test"}\n'
        "Failed\n"
        '  {__address__="bad/host"}\n'
        '    instance 0 in group 2: "bad/host" is not a valid hostname\n'
        "Discovery\n"
        "  static/0: 5 targets in 3 groups\n"
    )


def test_json_holds_the_decisions_and_the_groups_as_target_files_hold_them(discover):
    data = json.loads(discover("node", "--json").out)
    assert [one["labels"]["instance"] for one in data["active"]] == ["a:1", "b:1"]
    assert [(one["discoveredLabels"]["__address__"], one["rule"]) for one in data["dropped"]] == [("c:1", 0)]
    assert [(one["source"], one["index"]) for one in data["failed"]] == [("2", 0)]
    assert [(one["provider"], one["source"], one["index"]) for one in data["active"]] == [
        ("static/0", "0", 0),
        ("static/0", "0", 1),
    ]
    assert data["duplicates"] == 1
    assert data["groups"][0] == {"targets": ["a:1", "b:1", "b:1"], "labels": {"env": "prod"}}


def test_a_block_that_fails_is_named_and_the_others_are_shown(discover):
    outcome = discover("broken")
    assert outcome.status == 1
    assert "Job broken: 1 targets" in outcome.out
    assert "the backend is away" in outcome.out


def test_what_goes_wrong_beside_an_answer_is_told(discover):
    outcome = discover("half")
    assert (outcome.status, outcome.out.splitlines()[-1]) == (
        0,
        "  half/0: 0 targets in 0 groups; degraded: rack 7: no answer",
    )


def test_an_unknown_job_lists_what_there_is(discover):
    outcome = discover("other")
    assert (outcome.status, outcome.out) == (2, "")
    assert "jobs: node, broken, half" in outcome.err
