from __future__ import annotations

import pytest

from narthex.cli.main import main
from narthex_plugins.standard import shipped


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NARTHEX_PLUGINS", "")


def new(*arguments):
    return main(shipped, ["new", "plugin", *arguments])


def test_a_plugin_is_written_beside_and_its_files_are_listed(capsys, tmp_path):
    assert new("rack-units", "--kind", "discovery") == 0
    out = capsys.readouterr().out
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert [line.strip() for line in out.splitlines() if line.startswith("  narthex-rack-units/")] == written
    assert "Begun narthex-rack-units, a plugin that finds targets." in out
    assert "cd narthex-rack-units && pip install -e '.[dev]' && .ci/run" in out


def test_the_directory_can_be_chosen(tmp_path):
    assert new("rack", "--kind", "relabel", "--directory", "deep/er/here") == 0
    assert (tmp_path / "deep/er/here/pyproject.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["Rack", "--kind", "relabel"], 2, "'Rack' is no name for a plugin"),
        (["rack"], 2, "Missing option '--kind'"),
        (["rack", "--kind", "notifier"], 2, "'notifier' is not one of 'discovery'"),
        (["consul", "--kind", "discovery"], 1, r"discovery kind 'consul' is contributed by plugin consul (narthex"),
        (["lowercase", "--kind", "relabel"], 1, "relabel kind 'lowercase' is contributed by plugin relabel_actions"),
        (["webhook", "--kind", "receiver"], 1, "receiver kind 'webhook' is contributed by plugin webhook"),
        (["tsdb", "--kind", "storage"], 1, "storage kind 'tsdb' is contributed by plugin tsdb"),
        (["openmetrics", "--kind", "scrape"], 1, "scrape kind 'openmetrics' is contributed by plugin exposition"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(capsys, tmp_path, arguments, status, problem):
    assert new(*arguments) == status
    assert problem in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_left_alone(capsys, tmp_path):
    (tmp_path / "narthex-rack").mkdir()
    assert new("rack", "--kind", "relabel") == 2
    assert "narthex-rack exists already" in capsys.readouterr().err
    assert list((tmp_path / "narthex-rack").iterdir()) == []
