from __future__ import annotations

import sys

import pytest

from narthex.cli.app import App
from narthex.cli.planning import Instance, ask_instance, compare_instance
from narthex.cli.progress import progress_bar
from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex_plugins.standard import shipped

CONFIG = """
scrape_configs:
- job_name: j
  static_configs: [{targets: ["a:1", "b:1"]}]
"""
APP = App(shipped, {})


def quietly(what, done, total):
    pass


def instance(config, *targets, dropped=0):
    active = [{"discoveredLabels": {"__address__": one, "job": "j"}, "scrapePool": "j"} for one in targets]
    answer = {"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {"j": dropped}}
    return Instance(config(CONFIG), answer, ())


@pytest.fixture
def compare(tmp_path, catalog):
    def run(running, text):
        (tmp_path / "new.yml").write_text(text)
        sides = compare_instance(APP, catalog, running, str(tmp_path / "new.yml"), 30.0, quietly)
        return sides, [[one.public["instance"] for one in side.targets["j"].active] for side in (sides.old, sides.new)]

    return run


def test_what_the_instance_has_discovered_serves_both_sides(compare, config):
    sides, found = compare(instance(config, "seen:1"), CONFIG + "  metrics_path: /m\n")
    assert (found, sides.notes) == ([["seen:1"], ["seen:1"]], [])
    assert sides.new.targets["j"].active[0].url == "http://seen:1/m"


def test_another_discovery_is_run(compare, config):
    _, found = compare(instance(config, "seen:1"), CONFIG.replace('"b:1"', '"c:1"'))
    assert found == [["seen:1"], ["a:1", "c:1"]]


def test_discovery_is_run_where_the_instance_does_not_tell_everything(compare, config):
    sides, found = compare(instance(config, "seen:1", dropped=3), CONFIG)
    assert found == [["seen:1"], ["a:1", "b:1"]]
    assert sides.notes == ["job j: the instance does not tell all targets that it dropped, so discovery was run"]


class Api:
    """The answers of a server by endpoint; what is missing is an error."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, endpoint, form):
        return self.post(endpoint, form)

    def post(self, endpoint, form):
        name = endpoint.replace("/", "_")
        if name not in self.answers:
            raise QueryError(f"no {endpoint}")
        return type("Answer", (), {"data": self.answers[name]})


def test_an_instance_is_asked_for_everything_and_names_files_from_its_directory(catalog):
    text = "scrape_configs: [{job_name: j, file_sd_configs: [{files: [t/*.json]}]}]"
    sample = {"metric": {"__name__": "x", "job": "j"}, "value": [1, "5"]}
    answers = {
        "status_config": {"yaml": text},
        "status_runtimeinfo": {"CWD": "/srv"},
        "targets": {"activeTargets": [], "droppedTargets": []},
        "rules": {"groups": []},
    }
    found = ask_instance(Api(**answers, query={"result": [sample]}), catalog)
    assert found.config.scrape_configs[0].discovery[0].config.files == ("/srv/t/*.json",)
    assert found.series == {Labels({"job": "j"}): 5}
    assert ask_instance(Api(**answers), catalog).series == {}, "series are a help, not a need"


def test_a_bar_is_drawn_on_terminals_only(capsys, monkeypatch):
    with progress_bar() as tell:
        tell("Discovering", 1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar() as tell:
        tell("Discovering", 1, 2)
    assert "Discovering" in capsys.readouterr().err
