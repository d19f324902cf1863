"""Every shipped storage kind has a reference page whose options are those of the code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.docs.kindpage import updated

from narthex.plugins.host import PluginHost
from narthex_plugins.standard import shipped

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "storage"
KINDS = [one.kind for one in PluginHost(shipped(), scan=False).catalog().storage.values()]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_page_of_a_kind_holds_its_options(kind):
    path = PAGES / f"{kind.name}.md"
    page = path.read_text(encoding="utf-8")
    current = updated(page, kind.config)
    if os.environ.get("NARTHEX_UPDATE") == "1":
        path.write_text(current, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == current, "run NARTHEX_UPDATE=1 pytest tests/docs"
