"""Code on documentation pages is the code that is tested: a block after an ``include`` comment equals the file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
INCLUDE = re.compile(r"<!-- include: (?P<path>\S+) -->\n```(?P<language>\w+)\n(?P<code>.*?)```\n", re.DOTALL)
SAMPLES = ROOT / "docs/how-to/samples"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_included_sample_is_the_file_it_names(page):
    """``NARTHEX_UPDATE=1 pytest tests/docs`` writes the samples into the pages."""
    text = page.read_text(encoding="utf-8")
    wanted = INCLUDE.sub(_with_file, text)
    if os.environ.get("NARTHEX_UPDATE") == "1" and wanted != text:
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted
    assert len(INCLUDE.findall(text)) == text.count("<!-- include: "), "an include comment without a code block"


def _with_file(match: re.Match[str]) -> str:
    code = (ROOT / match["path"]).read_text(encoding="utf-8")
    return f"<!-- include: {match['path']} -->\n```{match['language']}\n{code}```\n"


def test_there_are_samples_to_check():
    pages = [page for page in PAGES if INCLUDE.search(page.read_text(encoding="utf-8"))]
    assert ROOT / "docs/how-to/write-a-discovery-plugin.md" in pages
