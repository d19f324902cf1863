"""``narthex check`` beside promtool: the same files are good and bad.

What is about linting, about service discovery files by themselves, or about rule unit tests is left out.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from tests.conformance.cases import ROOT, params

from narthex.cli.main import main
from narthex_plugins.standard import shipped

COMMANDS = ("check config", "check rules", "check metrics")


def is_ours(case: dict[str, Any] | None) -> bool:
    return case is not None and case["command"] in COMMANDS and case.get("options", {}).keys() <= {"syntax_only"}


@pytest.mark.parametrize("case", [one for one in params("rules/promtool/cases.json") if is_ours(one.values[0])])
def test_files_are_good_and_bad_as_for_promtool(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT / "rules/promtool")
    monkeypatch.setenv("NARTHEX_PLUGINS", "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(case.get("stdin", "").encode())))
    options = ["--syntax-only"] if case.get("options", {}).get("syntax_only") else []
    status = main(shipped, [*case["command"].split(), *options, *case.get("files", ())])
    expected = case["exit_code"] if case.get("exit_code") is not None else int(not case.get("valid", True))
    assert status == expected, capsys.readouterr().err
