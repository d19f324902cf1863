from __future__ import annotations

import pytest

TWO = '[{targets: ["h:1"]}, {targets: ["i:1"], labels: {state: installing}}]'
BAD = '[{targets: ["a/b"]}]'


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        ("  targets: [{labels: {job: node, instance: 'h:1'}}]", TWO),
        ("  targets: [{url: 'http://h:1/metrics', address: 'h:1', interval: 30s, timeout: 10s}]", TWO),
        ("  targets: [{url: 'http://h:1/m'}]", '[{targets: ["h:1"], labels: {path: /m}}]'),
        ("  dropped: [{address: 'i:1', rule: 0}]", TWO),
        ("  dropped: [{labels: {state: installing}}]", TWO),
        ("  targets: []\n  dropped: []\n  failed: [{address: a/b, error: not a valid hostname}]", BAD),
    ],
)
def test_what_is_as_expected_passes(failures, keys, groups):
    assert failures(keys, groups) == []


def test_a_different_target_is_shown_as_a_diff_at_its_line(failures):
    keys = "  targets:\n  - labels: {job: node, instance: 'h:1', env: prod}\n    interval: 1m"
    ((line, message, diff),) = failures(keys)
    assert (line, message) == (6, 'target differs: {instance="h:1", job="node"}')
    assert diff == ('- env="prod"', "- interval: 1m", "+ interval: 30s")


def test_a_missing_target_is_told_what_became_of_it(failures):
    ((line, message, diff), (_, extra, _)) = failures("  targets:\n  - address: i:1", TWO)
    assert (line, message, diff) == (6, "target is missing: dropped by relabel_configs[0]", ("- address: i:1",))
    assert extra == "target was not expected"


def test_a_target_that_fails_instead_tells_why(failures):
    ((_, message, _),) = failures("  targets: [{address: a/b}]", BAD)
    assert message == 'target is missing: failed: "a/b" is not a valid hostname'


def test_an_unexpected_target_stands_at_the_list(failures):
    ((line, message, diff),) = failures("  targets: []")
    assert (line, message) == (5, "target was not expected")
    assert diff[0].startswith('+ {instance="h:1", job="node"} url: http://h:1/metrics')


@pytest.mark.parametrize(
    ("keys", "groups", "message", "diff"),
    [
        ("  dropped: [{address: 'i:1', rule: 2}]", TWO, "dropped target differs", ("- rule: 2", "+ rule: 0")),
        ("  dropped: [{address: 'x:1'}]", '[{targets: ["h:1"]}]', "dropped target is missing",
         ('- {__address__="x:1"}',)),
        ("  dropped: []", TWO, "dropped target was not expected: relabel_configs[0]",
         ('+ {__address__="i:1", job="node", state="installing"}',)),
        ("  failed: [{address: a/b, error: no address}]", BAD, "failed target differs",
         ("- error: no address", '+ error: "a/b" is not a valid hostname')),
        ("  failed: []", BAD, 'failed target was not expected: "a/b" is not a valid hostname',
         ('+ {__address__="a/b", job="node"}',)),
    ],
)  # fmt: skip
def test_dropped_and_failed_targets_are_compared(failures, keys, groups, message, diff):
    assert failures(keys, groups) == [(5, message, diff)]


def test_equal_expectations_need_as_many_targets(failures):
    ((_, message, _),) = failures("  targets: [{interval: 30s}, {interval: 30s}]")
    assert message == "target is missing"


def test_groups_may_come_from_a_file(run, tmp_path):
    (tmp_path / "found.json").write_text('[{"targets": ["f:1"]}]')
    test = "- {name: n, job: node, groups_file: found.json, groups: [{targets: ['h:1']}], "
    assert not run(test + "targets: [{address: 'f:1'}, {address: 'h:1'}]}")[0].failures
    (tmp_path / "found.json").write_text('{"job": "node", "groups": [{"targets": ["f:1"]}]}')
    assert not run(test + "targets: [{address: 'f:1'}, {address: 'h:1'}]}")[0].failures
    (tmp_path / "found.json").write_text('[{"target": ["f:1"]}]')
    (failure,) = run(test + "targets: []}")[0].failures
    assert failure.line == 2
    assert "unknown key 'target'" in failure.message


def test_an_unknown_job_is_a_failure_with_a_hint(run):
    (outcome,) = run("- {name: n, job: nod, groups: [{targets: ['h:1']}], targets: []}")
    assert outcome.failures[0].message == "no job is named 'nod'; did you mean 'node'?"
