"""Runs a test file beside a configuration and its rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from narthex.plugins.host import PluginHost
from narthex.testing.pipeline.runner import Outcome, run_tests
from narthex_plugins.standard import shipped

CONFIG = """
global: {scrape_interval: 30s, evaluation_interval: 30s}
rule_files: [rules.yml]
scrape_configs:
- job_name: node
  sample_limit: 5
  relabel_configs:
  - {source_labels: [state], regex: installing, action: drop}
  - {source_labels: [path], regex: (.+), target_label: __metrics_path__}
  - {action: labeldrop, regex: state|path}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: go_.*, action: drop}
"""
RULES = """
groups:
- name: g
  rules:
  - {record: "a:sum", expr: sum(a)}
  - {alert: Down, expr: up == 0, for: 1m, annotations: {text: "{{ $labels.instance }}"}}
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[Outcome]]:
    """``run(tests)``: the outcomes of the tests in a YAML text that begins below ``tests:``."""
    catalog = PluginHost(shipped(), scan=False).catalog()
    (tmp_path / "prometheus.yml").write_text(CONFIG)
    (tmp_path / "rules.yml").write_text(RULES)

    def outcomes(tests: str, rules: str = RULES) -> list[Outcome]:
        (tmp_path / "rules.yml").write_text(rules)
        file = tmp_path / "a.test.yml"
        file.write_text("tests:\n" + tests)
        return list(run_tests(file, catalog, {}))

    return outcomes


@pytest.fixture
def failures(run: Callable[..., list[Outcome]]) -> Callable[..., list[tuple[int, str, tuple[str, ...]]]]:
    """The failures of one test for job ``node`` with target ``h:1``; its keys begin in line 5 of the file."""

    def found(keys: str, groups: str = '[{targets: ["h:1"]}]', **more: str) -> list[tuple[int, str, tuple[str, ...]]]:
        (outcome,) = run(f"- name: n\n  job: node\n  groups: {groups}\n{keys}", **more)
        return [(one.line, one.message, one.diff) for one in outcome.failures]

    return found
