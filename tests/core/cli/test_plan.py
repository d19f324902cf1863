from __future__ import annotations

import json

import pytest

from narthex import hookimpl
from narthex.errors import DiscoveryError
from narthex.kinds import DiscoveryKind
from narthex_plugins.standard import shipped
from narthex_plugins.static import StaticConfig

OLD = """
scrape_configs:
- job_name: node
  basic_auth: {username: u, password: geheim}
  static_configs: [{targets: ["a:1", "b:1"], labels: {env: prod}}]
- job_name: other
  static_configs: [{targets: ["c:1"]}]
"""


class Broken:
    async def run(self, publish):
        raise DiscoveryError("the backend is away")


class BrokenPlugin:
    @hookimpl
    def narthex_discovery_kinds(self):
        return [DiscoveryKind("broken", StaticConfig, lambda config, context: Broken())]


@pytest.fixture
def plan(narthex, tmp_path):
    old, new = tmp_path / "old.yml", tmp_path / "new.yml"

    def run(changed, *arguments):
        old.write_text(OLD)
        new.write_text(changed)
        plugins = {**shipped(), "broken": BrokenPlugin()}
        return narthex("plan", new, f"--config.file={old}", *arguments, shipped=plugins)

    return run


def test_no_change_is_status_0(plan):
    outcome = plan(OLD)
    assert (outcome.status, outcome.out, outcome.err) == (0, "No changes.\n", "")


def test_changes_are_status_2_and_told_target_by_target(plan):
    rule = '"], labels: {env: prod}}]\n  relabel_configs: [{source_labels: [env], target_label: tier}]'
    outcome = plan(OLD.replace('"b:1"], labels: {env: prod}}]', '"c:1' + rule))
    assert outcome.status == 2
    lines = outcome.out.splitlines()
    assert lines[0] == "Job node: 1 added, 1 removed, 1 relabelled, 0 unchanged"
    first = lines.index('  ~ http://a:1/metrics  {env="prod", instance="a:1", job="node"}')
    assert lines[first + 1 :] == [
        '      + tier="prod"',
        '  - http://b:1/metrics  {env="prod", instance="b:1", job="node"}  (not discovered any more)',
        '  + http://c:1/metrics  {env="prod", instance="c:1", job="node", tier="prod"}  (newly discovered)',
        "Plan: 1 targets added, 1 targets removed, 1 targets relabelled, 2 settings changed.",
    ]
    assert "other" not in outcome.out


def test_secrets_are_never_printed(plan):
    for arguments in ([], ["--json"]):
        outcome = plan(OLD.replace("geheim", "verborgen").replace("username: u", "username: v"), *arguments)
        assert outcome.status == 2
        assert "geheim" not in outcome.out + outcome.err
        assert "verborgen" not in outcome.out + outcome.err


def test_the_list_is_cut_where_asked_for(plan):
    outcome = plan(OLD.replace("env: prod", "env: test"), "--limit=1")
    assert "  … and 1 more (--limit=0 prints all)\n" in outcome.out
    assert "more (" not in plan(OLD.replace("env: prod", "env: test"), "--limit=0").out


def test_rules_are_compared(plan, tmp_path):
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{record: a, expr: up}]}]")
    outcome = plan(OLD + "rule_files: [r.yml]\n")
    assert outcome.status == 2
    assert "Rules\n  + group g: record a\n      + expr: up\n" in outcome.out


def test_json_has_everything(plan):
    data = json.loads(plan(OLD.replace('"c:1"', '"d:1"'), "--json").out)
    (job,) = data["jobs"]
    assert (data["changes"], job["job"], job["counts"]["added"], job["counts"]["removed"]) == (True, "other", 1, 1)
    assert (data["errors"], data["notes"]) == ([], [])


def test_a_block_that_fails_is_an_error(plan):
    outcome = plan(OLD + "- {job_name: x, broken_sd_configs: [{}]}\n")
    assert outcome.status == 1
    assert "discovery broken failed: " in outcome.err
    assert "the backend is away" in outcome.err


def test_a_configuration_that_cannot_be_read_is_an_error(plan):
    outcome = plan("x: 1\n")
    assert (outcome.status, outcome.out) == (1, "")
    assert "new.yml:1:1: x: unknown key 'x'" in outcome.err


def test_a_server_that_does_not_answer_is_an_error(narthex, tmp_path):
    (tmp_path / "new.yml").write_text(OLD)
    outcome = narthex("plan", tmp_path / "new.yml", "--against=http://127.0.0.1:1", shipped=shipped())
    assert outcome.status == 1
    assert "cannot reach http://127.0.0.1:1" in outcome.err


def test_one_thing_to_compare_with_is_needed(narthex, tmp_path):
    (tmp_path / "new.yml").write_text(OLD)
    outcome = narthex("plan", tmp_path / "new.yml")
    assert outcome.status == 1
    assert "give either --against or --config.file" in outcome.err


def test_wrong_usage_is_not_taken_for_changes(narthex):
    outcome = narthex("plan")
    assert outcome.status == 1
    assert "Missing argument 'NEW'" in outcome.err
