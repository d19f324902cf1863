"""What ``narthex new plugin`` writes is installed beside narthex, seen by it, typed, and passes its own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from narthex.scaffold.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
CALL = "import sys; from narthex_plugins.standard import main; sys.exit(main({}))"

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


def run(*command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a project ``my-<stage>`` of every stage, all installed in ``installed``."""
    place = tmp_path_factory.mktemp("new")
    for stage in STAGES:
        arguments = ["new", "plugin", f"my-{stage}", "--kind", stage, "--directory", str(place / stage)]
        run(sys.executable, "-c", CALL.format(arguments), env=environment(place))
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--disable-pip-version-check", "--target", place / "installed", *(place / stage for stage in STAGES),
    )  # fmt: skip
    return place


def environment(place):
    roots = [place / "installed", ROOT / "core", ROOT / "plugins", ROOT / "sd_adapters"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NARTHEX_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, roots))}


@pytest.mark.parametrize("stage", STAGES)
def test_its_own_tests_pass(place, stage):
    out = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=place / stage, env=environment(place))
    assert " passed" in out
    assert "skipped" not in out


def test_narthex_lists_what_they_contribute(place):
    document = json.loads(run(sys.executable, "-c", CALL.format(["plugins", "--json"]), env=environment(place)))
    assert document["failures"] == []
    assert document["conflicts"] == []
    for stage, expected in BROUGHT.items():
        found = [one for one in document["contributions"] if one["distribution"] == f"narthex-my-{stage}"]
        assert [(one["stage"], one["name"]) for one in found] == expected


def test_strict_typing_finds_nothing(place):
    """Sources and tests of every stage in one run; ``mypy`` in a project does the same with its own settings."""
    files = sorted(str(path) for stage in STAGES for path in (place / stage).rglob("*.py"))
    options = ["--strict", "--explicit-package-bases", "--no-error-summary", "--cache-dir", str(place / "mypy")]
    sources = os.pathsep.join(str(place / stage / part) for stage in STAGES for part in ("src", "tests"))
    env = {**environment(place), "MYPYPATH": f"{sources}:{ROOT / 'core'}:{ROOT / 'plugins'}:{ROOT / 'sd_adapters'}"}
    run(sys.executable, "-m", "mypy", "--config-file", "", *options, *files, cwd=place, env=env)
