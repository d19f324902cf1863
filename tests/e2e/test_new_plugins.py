"""What ``narthex new plugin`` writes is installed beside narthex, seen by it, typed, and passes its own tests."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest
from tests.e2e import distributions
from tests.e2e.distributions import ROOTS, install, narthex, run

from narthex.scaffold.stages import STAGES

BROUGHT = {
    "discovery": [("discovery", "my_discovery")],
    "relabel": [("relabel", "my_relabel")],
    "receiver": [("receiver", "my_receiver")],
    "storage": [("storage", "my_storage")],
    "scrape": [("scrape", "my-scrape")],
    "function": [
        ("promql", "my_function_squash"),
        ("promql", "my_function_spread"),
        ("template", "my_function_slug"),
    ],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a project ``my-<stage>`` of every stage, all installed in ``installed``."""
    place = tmp_path_factory.mktemp("new")
    for stage in STAGES:
        arguments = ("new", "plugin", f"my-{stage}", "--kind", stage, "--directory", place / stage)
        narthex(*arguments, env=environment(place))
    install(place / "installed", *(place / stage for stage in STAGES))
    return place


def environment(place):
    return distributions.environment(place / "installed")


@pytest.mark.parametrize("stage", STAGES)
def test_its_own_tests_pass(place, stage):
    """The contract of its stage among them."""
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]
    out = run(*command, cwd=place / stage, env=environment(place))
    assert len(re.findall(rf"test_rule\[{stage}/.* PASSED", out)) >= 4


def test_narthex_lists_what_they_contribute(place):
    document = json.loads(narthex("plugins", "--json", env=environment(place)))
    assert document["failures"] == []
    assert document["conflicts"] == []
    for stage, expected in BROUGHT.items():
        found = [one for one in document["contributions"] if one["distribution"] == f"narthex-my-{stage}"]
        assert [(one["stage"], one["name"]) for one in found] == expected


@pytest.mark.parametrize("stage", STAGES)
def test_it_keeps_every_rule_that_is_tried(place, stage):
    *_, last = narthex("plugins", "conform", f"narthex-my-{stage}", env=environment(place)).splitlines()
    kept, rules, _ = re.fullmatch(r"(\d+) of (\d+) rules kept(, \d not checked)?", last).groups()
    assert kept == rules
    assert int(rules) >= 15


@pytest.mark.parametrize("stage", STAGES)
def test_the_configuration_in_its_readme_is_right(place, stage, tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", (place / stage / "README.md").read_text(), re.DOTALL)
    (tmp_path / "sample.yml").write_text(text)
    what = "rules" if text.startswith("groups:") else "config"
    out = narthex("check", what, tmp_path / "sample.yml", env=environment(place))
    assert "SUCCESS" in out


@pytest.mark.parametrize("stage", STAGES)
def test_strict_typing_finds_nothing(place, stage):
    """With the project's own settings; the cache is common to all, since most of what is read is narthex."""
    env = {**environment(place), "MYPYPATH": os.pathsep.join(map(str, ROOTS))}
    run(sys.executable, "-m", "mypy", "--cache-dir", str(place / "mypy"), cwd=place / stage, env=env)
