"""Prometheus's engine scripts, one item for each evaluation; and the runner's own tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.cases import ROOT, params, suite_files

from narthex.model.histogram import NotationError
from narthex.promql.engine import Engine, Semantics
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.runner import Outcome, run_script
from narthex.promql.testlang.script import ScriptError
from narthex.promql.testlang.series import parse_offsets
from narthex.storage.protocol import Storage
from narthex.testing.storage import MemoryStorage

SCRIPTS = "promqltest/**/*.test"
NAMES_REMOVED_AT_ONCE = "delayed_name_removal_disabled"


def setup_for(path: Path) -> Any:
    @contextmanager
    def setup() -> Iterator[tuple[Storage, Engine]]:
        storage = MemoryStorage()
        delayed = NAMES_REMOVED_AT_ONCE not in path.name
        semantics = Semantics(delayed_name_removal=delayed, start_timestamps=True)
        yield storage, Engine(storage, max_samples=10_000, semantics=semantics)

    return setup


@cache
def outcomes(path: Path) -> Mapping[int, Outcome]:
    script = read_script(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    return {one.line: one for one in run_script(script, setup_for(path))}


def evaluations() -> list[Any]:
    files = suite_files(SCRIPTS)
    if not files:
        reason = f"conformance suite {SCRIPTS} is not in {ROOT}"
        return [pytest.param(None, 0, id="absent-promqltest", marks=pytest.mark.skip(reason=reason))]
    return [
        pytest.param(path, one.line, id=f"{path.relative_to(ROOT / 'promqltest')}:{one.line}")
        for path in files
        for one in read_script(path.read_text(encoding="utf-8"), path.name).evals
    ]


@pytest.mark.parametrize(("path", "line"), evaluations())
def test_an_evaluation_answers_as_the_script_expects(path: Path, line: int) -> None:
    outcome = outcomes(path)[line]
    assert outcome.status == "passed", str(outcome)


@pytest.mark.parametrize("case", params("promqltest/dsl_selftest.json"))
def test_the_runner_passes_and_fails_scripts_as_it_should(case: dict[str, Any], tmp_path: Path) -> None:
    try:
        script = read_script(case["input"], "script")
    except ScriptError:
        assert case["expected"] == "fail"
        return
    found = list(run_script(script, setup_for(tmp_path / "script")))
    status = "pass" if all(one.status == "passed" for one in found) else "fail"
    assert status == case["expected"], [str(one) for one in found]


def st_notation(part: str) -> list[Any]:
    files = suite_files("promqltest/st_notation.json")
    cases = json.loads(files[0].read_text(encoding="utf-8"))[part] if files else []
    if not cases:
        return [
            pytest.param(None, id="absent", marks=pytest.mark.skip(reason="conformance suite st_notation is absent"))
        ]
    return [pytest.param(case, id=case["id"]) for case in cases]


@pytest.mark.parametrize("case", st_notation("cases"))
def test_start_timestamps_are_read(case: dict[str, Any]) -> None:
    if case["error"]:
        with pytest.raises(NotationError):
            parse_offsets(case["input"])
    else:
        assert list(parse_offsets(case["input"])) == case["expected"]


@pytest.mark.parametrize("case", st_notation("load_errors"))
def test_start_timestamps_that_belong_to_nothing_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ScriptError):
        read_script("\n".join(case["lines"]))
