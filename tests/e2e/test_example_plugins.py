"""The example plugins are built, installed beside narthex, seen by it, and pass their own tests."""

from __future__ import annotations

import json
import re
import shutil
import sys

import pytest
from tests.e2e.distributions import ROOT, environment, install, narthex, run

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("plugin-*/pyproject.toml"))


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: path.name)
def installed(request, tmp_path_factory):
    """A copy of the example, and an environment in which it is installed in a directory of its own."""
    place = tmp_path_factory.mktemp(request.param.name)
    copy = shutil.copytree(request.param, place / "source", ignore=shutil.ignore_patterns("__pycache__", "dist"))
    target = place / "installed"
    install(target, copy)
    return copy, environment(target)


def test_its_own_tests_pass(installed):
    copy, env = installed
    out = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=copy, env=env)
    assert " passed" in out


def test_narthex_lists_what_it_contributes(installed):
    copy, env = installed
    document = json.loads(narthex("plugins", "--json", cwd=copy.parent, env=env))
    name = f"narthex-{copy.parent.name.removeprefix('plugin-').rstrip('0123456789')}"
    assert document["failures"] == []
    assert [one for one in document["contributions"] if one["distribution"] == name]


def test_it_keeps_every_rule_of_its_contract(installed):
    copy, env = installed
    name = f"narthex-{copy.parent.name.removeprefix('plugin-').rstrip('0123456789')}"
    *_, last = narthex("plugins", "conform", name, cwd=copy.parent, env=env).splitlines()
    kept, rules = re.fullmatch(r"(\d+) of (\d+) rules kept", last).groups()
    assert kept == rules
    assert int(rules) > 20


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_stays_short(example):
    """Under 40 lines of code: what is neither blank, comment nor docstring."""
    (module,) = example.glob("src/*/__init__.py")
    lines = [line.strip() for line in module.read_text(encoding="utf-8").splitlines()]
    assert len([line for line in lines if line and not line.startswith(("#", '"""'))]) < 40
