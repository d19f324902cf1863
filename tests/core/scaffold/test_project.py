from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from narthex import __version__
from narthex.errors import NarthexError, UsageError
from narthex.scaffold.names import plugin_names
from narthex.scaffold.project import ProjectFile, narthex_range, project_files, write_project
from narthex.scaffold.stages import STAGES


def texts(name="rack-units", stage="discovery", **settings):
    return {one.path: one.text for one in project_files(plugin_names(name), STAGES[stage], **settings)}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_whole_project(stage):
    project = texts(stage=stage)
    assert {".ci/run", ".github/workflows/ci.yml", ".gitignore", "LICENSE", "README.md", "pyproject.toml"} <= set(
        project
    )
    assert {f"src/narthex_rack_units/{name}" for name in ("__init__.py", "py.typed")} <= set(project)
    assert "tests/test_contract.py" in project
    assert "usage.md" not in project


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_left_of_the_templates(stage):
    for path, text in texts(stage=stage).items():
        assert "_package_" not in path
        assert ".tmpl" not in path
        assert not [name for name in ("$kind", "$plugin", "$package", "${Prefix}", "${kind}") if name in text], path


@pytest.mark.parametrize("stage", STAGES)
def test_the_entry_point_names_the_package_and_the_range_begins_with_this_version(stage):
    project = tomllib.loads(texts(stage=stage)["pyproject.toml"])["project"]
    assert project["name"] == "narthex-rack-units"
    assert project["entry-points"]["narthex"] == {"rack-units": "narthex_rack_units"}
    assert project["dependencies"][0] == f"narthex{narthex_range(__version__)}"


@pytest.mark.parametrize(
    ("version", "wanted"), [("0.1.0", ">=0.1,<1"), ("1.4.2", ">=1.4,<2"), ("2.0.0rc1", ">=2.0,<3")]
)
def test_a_plugin_works_until_the_next_major_version(version, wanted):
    assert narthex_range(version) == wanted
    assert f'"narthex{wanted}"' in texts(version=version)["pyproject.toml"]


@pytest.mark.parametrize("name", ["q", "a" * 20])
def test_the_code_is_clean_for_short_and_long_names(name, tmp_path):
    """Line lengths, formatting and the order of imports depend on the name."""
    for stage in STAGES:
        write_project(project_files(plugin_names(name), STAGES[stage]), tmp_path / stage)
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_programs_can_be_run(tmp_path):
    write_project(project_files(plugin_names("rack"), STAGES["relabel"]), tmp_path / "new")
    assert (tmp_path / "new/.ci/run").stat().st_mode & 0o111 == 0o111
    assert (tmp_path / "new/README.md").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_exists_is_left_alone(tmp_path, make):
    make(tmp_path / "there")
    with pytest.raises(UsageError, match=r"there exists already; name another with --directory"):
        write_project([ProjectFile("a", "b")], tmp_path / "there")
    assert [one.name for one in tmp_path.iterdir()] == ["there"]


def test_all_files_are_written_or_none(tmp_path):
    impossible = [ProjectFile("a", "text"), ProjectFile("a/b", "text")]
    with pytest.raises(NarthexError, match=r"new: (File exists|Not a directory)"):
        write_project(impossible, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
