from __future__ import annotations

import pytest

GOOD_RULES = """
groups:
- name: g
  rules:
  - record: a:b
    expr: sum(up)
  - alert: Down
    expr: up == 0
    annotations: {summary: "{{ $labels.instance }} at {{ $value | humanize }}"}
"""
BAD_RULES = """
groups:
- name: g
  rules:
  - record: a:b
    expr: sum(up
  - alert: Down
    expr: up == 0
    annotations: {summary: "{{ $labels.instance"}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def put(name, text):
        (tmp_path / name).write_text(text)
        return name

    return put


def test_a_good_configuration_and_its_rules_are_told_as_promtool_tells_them(narthex, write):
    write("r.yml", GOOD_RULES)
    outcome = narthex("check", "config", write("p.yml", "rule_files: [r.yml]\n"))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == (
        "Checking p.yml\n  SUCCESS: 1 rule files found\n SUCCESS: p.yml is valid prometheus config file syntax\n\n"
        "Checking r.yml\n  SUCCESS: 2 rules found\n\n"
    )


def test_every_problem_is_told_with_its_line(narthex, write):
    file = write("p.yml", "global:\n  scrape_interval: soon\nscrap_configs: []\n")
    outcome = narthex("check", "config", file)
    assert outcome.status == 1
    first, second = sorted(outcome.err.splitlines())
    assert first.startswith("  FAILED: p.yml:2:")
    assert second.startswith("  FAILED: p.yml:3:")


def test_all_files_are_checked_even_if_the_first_is_bad(narthex, write):
    outcome = narthex("check", "config", write("bad.yml", "x: 1\n"), write("good.yml", ""))
    assert outcome.status == 1
    assert "SUCCESS: good.yml" in outcome.out


def test_broken_expressions_and_templates_are_told_with_their_lines(narthex, write):
    write("r.yml", BAD_RULES)
    outcome = narthex("check", "config", write("p.yml", "rule_files: ['r*.yml']\n"))
    assert outcome.status == 1
    expression, template = outcome.err.splitlines()
    assert expression.startswith("  FAILED: r.yml:6:")
    assert "parse error" in expression
    assert template.startswith("  FAILED: r.yml:9:")
    assert "template" in template


def test_syntax_only_leaves_the_rule_files_alone(narthex, write):
    write("r.yml", BAD_RULES)
    assert narthex("check", "config", "--syntax-only", write("p.yml", "rule_files: [r.yml]\n")).status == 0


def test_a_rule_file_that_is_named_and_missing_is_a_failure(narthex, write):
    outcome = narthex("check", "config", write("p.yml", "rule_files: [none.yml, 'none*.yml']\n"))
    assert outcome.status == 1
    (line,) = outcome.err.splitlines()
    assert "none.yml' does not point to an existing file" in line


def test_a_configuration_that_is_not_there_is_wrong_usage(narthex, tmp_path):
    assert narthex("check", "config", tmp_path / "none.yml").status == 2


def test_rule_files_can_be_checked_alone(narthex, write):
    outcome = narthex("check", "rules", write("r.yml", GOOD_RULES), write("s.yml", "groups: []\n"))
    assert outcome.status == 0
    assert outcome.out == "Checking r.yml\n  SUCCESS: 2 rules found\n\nChecking s.yml\n  SUCCESS: 0 rules found\n\n"


def test_rules_are_read_from_standard_input(narthex, standard_input):
    standard_input(BAD_RULES.encode())
    outcome = narthex("check", "rules")
    assert outcome.status == 1
    assert "FAILED: standard input:6:" in outcome.err


def test_standard_input_that_is_no_text_is_refused(narthex, standard_input):
    standard_input(b'groups: [{name: "\xff"}]')
    outcome = narthex("check", "rules")
    assert (outcome.status, outcome.err) == (1, "  FAILED: standard input:1:18: text is not valid UTF-8\n")


def test_a_plugin_that_failed_is_a_warning(narthex, write):
    outcome = narthex("check", "config", write("p.yml", ""), shipped={"bad": None})
    assert outcome.status == 0
    assert "Warning: plugin bad" in outcome.err


def test_a_bad_job_fails_the_check_also_where_a_server_would_set_it_apart(narthex, write):
    bad = "narthex: {quarantine: true}\nscrape_configs: [{job_name: a}, {job_name: b, colour: blue}]\n"
    outcome = narthex("check", "config", write("p.yml", bad))
    assert outcome.status == 1
    failed, quarantine = outcome.err.splitlines()
    assert "unknown key 'colour'" in failed
    assert quarantine == "  QUARANTINE: a server would leave job 'b' as it runs, and apply the rest"
