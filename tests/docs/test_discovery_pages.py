"""Every shipped way to find targets has a reference page whose options are those of the code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.docs.kindpage import new_page, updated

from narthex.plugins.host import PluginHost
from narthex_plugins.standard import shipped

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "discovery"
KINDS = [one.kind for one in PluginHost(shipped(), scan=False).catalog().discovery.values()]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_page_of_a_kind_holds_its_options(kind):
    path = PAGES / f"{kind.name}.md"
    page = path.read_text(encoding="utf-8") if path.exists() else new_page(kind.key, kind.summary)
    current = updated(page, kind.config)
    if os.environ.get("NARTHEX_UPDATE") == "1":
        path.write_text(current, encoding="utf-8")
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    assert found == current, "run NARTHEX_UPDATE=1 pytest tests/docs, and describe the labels on the page"
