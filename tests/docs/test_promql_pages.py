"""The examples of the PromQL pages do what the pages say."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import pytest

from narthex.errors import ParseError
from narthex.promql.engine import Engine
from narthex.promql.parser import parse
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.runner import run_script
from narthex.testing.storage import MemoryStorage

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```\w*\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@contextmanager
def memory():
    storage = MemoryStorage()
    yield storage, Engine(storage)


def test_the_script_of_the_how_to_passes_as_shown():
    script, shell = blocks("how-to/test-promql.md")[:2]
    outcomes = list(run_script(read_script(script), memory))
    assert [one.status for one in outcomes] == ["passed"] * 3
    assert f"{len(outcomes)} passed, 0 failed" in shell


def test_the_error_of_the_reference_is_what_the_parser_says():
    shown = blocks("reference/promql.md")[0].strip()
    with pytest.raises(ParseError) as caught:
        parse('up{a="b" x}')
    assert str(caught.value) == shown


def test_the_python_of_the_reference_runs():
    code = blocks("reference/promql.md")[1]
    scope: dict[str, object] = {}
    exec(code, scope)  # the page's own code
    printed = re.search(r"# ('.*')", code)
    assert printed is not None
    assert repr(eval("to_text(expr)", scope)) == printed[1]
