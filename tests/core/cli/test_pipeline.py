from __future__ import annotations

from pathlib import Path

import pytest

from narthex_plugins.standard import shipped

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/pipeline-test"
CONFIG = "scrape_configs: [{job_name: j}]\n"
TEST = "tests:\n- name: one target\n  job: j\n  groups: [{targets: ['h:1']}]\n  targets:\n  - address: %s\n"


@pytest.fixture
def run(narthex, tmp_path):
    (tmp_path / "prometheus.yml").write_text(CONFIG)

    def run(text, *arguments):
        file = tmp_path / "a.test.yml"
        file.write_text(text)
        return narthex("test", "pipeline", *arguments, file, shipped=shipped())

    return run


def test_the_example_passes(narthex):
    outcome = narthex("test", "pipeline", *sorted(EXAMPLE.glob("*.test.yml")), shipped=shipped())
    assert (outcome.status, outcome.out) == (0, "5 passed, 0 failed\n")


def test_a_failure_is_shown_with_line_and_diff(run, tmp_path):
    outcome = run(TEST % "h:2")
    assert outcome.status == 1
    assert outcome.out == (
        f'{tmp_path}/a.test.yml:6: one target: target differs: {{instance="h:1", job="j"}}\n'
        "    - address: h:2\n    + address: h:1\n0 passed, 1 failed\n"
    )


def test_passing_tests_are_named_when_asked_for(run, tmp_path):
    assert run(TEST % "h:1", "--verbose").out == f"{tmp_path}/a.test.yml: one target: passed\n1 passed, 0 failed\n"


def test_a_file_that_cannot_be_read_is_one_failure(run):
    outcome = run("tests: [{nam: x}]\n")
    assert outcome.status == 1
    assert "unknown key 'nam'" in outcome.out
    assert outcome.out.endswith("\n0 passed, 1 failed\n")


def test_a_broken_configuration_is_one_failure(run, tmp_path):
    (tmp_path / "prometheus.yml").write_text("x: 1\n")
    outcome = run(TEST % "h:1")
    assert "prometheus.yml:1:1: x: unknown key 'x'" in outcome.out
    assert outcome.out.endswith("\n0 passed, 1 failed\n")
