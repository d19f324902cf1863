"""The shape that was agreed for the sources: short files, listed public names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for root in ("core", "plugins", "sd_adapters") for path in (ROOT / root).rglob("*.py"))
MOST_LINES = 400


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_short_and_says_what_it_is_about(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    assert ast.get_docstring(ast.parse(text)), "no module docstring"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_public_names_are_listed(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node.name for node in body if isinstance(node, definitions) and not node.name.startswith("_")]
    assigned = [
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    assert not public or "__all__" in assigned, f"no __all__, but {', '.join(public)}"
