from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from narthex.errors import ConfigError
from narthex.testing.pipeline import format as shape
from narthex.testing.pipeline.format import read_tests

PAGE = Path(__file__).resolve().parents[4] / "docs/reference/pipeline-tests.md"


def problems(text):
    with pytest.raises(ConfigError) as caught:
        read_tests(text, "a.test.yml")
    return [(one.line, one.path, one.message) for one in caught.value.problems]


def test_every_problem_is_told_with_its_line():
    text = "tests:\n- name: n\n  job: j\n  groups: [{targets: [a]}]\n  target: []\n  dropped: x\n"
    assert problems(text) == [
        (5, "tests[0].target", "unknown key 'target'; did you mean 'targets'?"),
        (
            6,
            "tests[0].dropped",
            "expected a list, got text; write [a, b], or each element after '- ' on a line of its own",
        ),
    ]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("{name: n, job: j, targets: []}", "'groups' or 'groups_file' must be set"),
        ("{name: n, job: j, groups: [{}]}", "the test expects nothing"),
        ("{name: n, job: j, groups: [{}], scrapes: [{}]}", "either 'text' or 'down: true' must be set"),
        ("{name: n, job: j, groups: [{}], scrapes: [{text: a 1, down: true}]}", "either 'text' or 'down: true'"),
        ("{name: n, job: j, groups: [{}], scrapes: [{down: true, at: 2m, until: 1m}]}", "'until' lies before 'at'"),
        ("{name: n, job: j, groups: [{}], queries: [{expr: a, samples: 'a {'}]}", "is not a series and a value"),
        ("{name: n, job: j, groups: [{}], queries: [{expr: a, samples: 'a 1 2'}]}", "is not a series and one number"),
    ],
)
def test_what_makes_no_sense_is_refused(test, message):
    assert message in problems(f"tests: [{test}]")[0][2]


def test_the_configuration_stands_beside_the_file_by_default():
    assert read_tests("tests: []", "dir/a.test.yml").config == "dir/prometheus.yml"
    assert read_tests("config: ../p.yml", "dir/a.test.yml").config == "p.yml"


def test_every_expectation_knows_its_line():
    text = "tests:\n- name: n\n  job: j\n  groups: [{}]\n  targets:\n  - url: a\n"
    text += "  alerts:\n  - at: 1m\n    active:\n    - {}\n"
    (test,) = read_tests(text, "a.test.yml").tests
    assert (test.line, test.targets[0].line, test.alerts[0].active[0].line) == (2, 6, 10)
    assert test.line_of("job") == 3


def test_the_reference_names_every_key():
    page = PAGE.read_text(encoding="utf-8")
    for name in shape.__all__:
        described = getattr(shape, name)
        if dataclasses.is_dataclass(described):
            for one in dataclasses.fields(described):
                assert f"`{one.name}`" in page or one.metadata.get("narthex.internal"), f"{name}.{one.name}"
